"""Files anywhere, through fsspec: read, hash, and publish so that a reader sees all of a file or nothing."""

from firelib.storage.create import create_bytes
from firelib.storage.durable import rename_folder
from firelib.storage.explain import BucketError, explain_storage
from firelib.storage.files import (
    age_seconds,
    download_file,
    download_folder,
    exists,
    file_size,
    list_names,
    make_folder,
    modified_at,
    read_back,
    read_bytes,
    read_clock,
    read_head,
    read_ranges,
    remove_empty_folder,
    remove_file,
    remove_folder,
    sizes,
    upload_file,
    upload_folder,
    write_bytes,
)
from firelib.storage.full_disk import explain_full_disk, is_full_disk
from firelib.storage.hashes import sha256_content, sha256_file, sha256_json
from firelib.storage.json_files import UnreadableJsonError, read_json, to_json
from firelib.storage.lease import Work, hold_lease, repeat
from firelib.storage.locks import lock_file
from firelib.storage.owner import Owner
from firelib.storage.probe import probe_storage
from firelib.storage.publish import publish_folder, refuse_files, refuse_others
from firelib.storage.retry import is_transient
from firelib.storage.uris import absolute, filesystem, is_local, is_relative, join

__all__ = [
    "BucketError",
    "Owner",
    "UnreadableJsonError",
    "Work",
    "absolute",
    "age_seconds",
    "create_bytes",
    "download_file",
    "download_folder",
    "exists",
    "explain_full_disk",
    "explain_storage",
    "file_size",
    "filesystem",
    "hold_lease",
    "is_full_disk",
    "is_local",
    "is_relative",
    "is_transient",
    "join",
    "list_names",
    "lock_file",
    "make_folder",
    "modified_at",
    "probe_storage",
    "publish_folder",
    "read_back",
    "read_bytes",
    "read_clock",
    "read_head",
    "read_json",
    "read_ranges",
    "refuse_files",
    "refuse_others",
    "remove_empty_folder",
    "remove_file",
    "remove_folder",
    "rename_folder",
    "repeat",
    "sha256_content",
    "sha256_file",
    "sha256_json",
    "sizes",
    "to_json",
    "upload_file",
    "upload_folder",
    "write_bytes",
]
