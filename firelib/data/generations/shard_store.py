"""Shards as immutable files, named by what they hold, that the datasets of a recipe share."""

import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from firelib import storage
from firelib.dataset_store import explain_missing
from firelib.storage import Owner
from firelib.tfrecord.format.manifest import Shard, index_name
from firelib.tfrecord.write.shard_writer import Layout, write_shard

_STEP_BYTES = 8 << 20
_WORK = ".tmp"


def store_shard(folder: str, stem: str, columns: Mapping[str, Any], layout: Layout) -> Shard:
    """Write rows as a shard, named `<stem>-<hash of its content>.tfrecord`. A shard that is there stays.

    Args:
        folder: URI of the folder of the shards.
        stem: What the name begins with: split, generation and index.
        columns: Feature name → values (`to_columns`).
        layout: The dataset's layout.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    with storage.explain_storage(folder), work_folder(folder) as work:
        written = write_shard(work / "shard", columns, layout)
        shard = written.model_copy(update={"name": f"{stem}-{written.xxh128}.tfrecord"})
        if shard.index_xxh128:
            publish_file(work / index_name("shard"), folder, index_name(shard.name), shard.index_xxh128)
        publish_file(work / "shard", folder, shard.name, shard.xxh128)
    return shard


@contextmanager
def work_folder(folder: str) -> Iterator[Path]:
    """A folder for files in progress: beside the final ones, so that a rename publishes them; or any for a bucket.

    Args:
        folder: URI of the folder of the final files.

    Raises:
        FirelibError: The disk is full.
    """
    if storage.is_local(folder):
        storage.make_folder(folder)
    local = storage.absolute(folder) if storage.is_local(folder) else None
    prefix = f".{Owner.current().token}.{uuid.uuid4().hex[:8]}."
    with (
        storage.explain_full_disk(local or tempfile.gettempdir()),
        tempfile.TemporaryDirectory(dir=local, prefix=prefix, suffix=_WORK) as work,
    ):
        yield Path(work)


def publish_file(file: Path, folder: str, name: str, digest: str) -> None:
    """Give a file its name, unless a file with its content has it: links to that one stay what they are.

    Args:
        file: The file, in a work folder.
        folder: URI of the final folder.
        name: The final name, of which the hash of the content is a part.
        digest: XXH3 hash of the content, 128 bits in hex.

    Raises:
        FirelibError: The bucket cannot be used.
    """
    uri = storage.join(folder, name)
    if storage.is_local(folder):
        with suppress(FileNotFoundError):
            if _hash_file(Path(storage.absolute(uri))) == digest:
                return
        with file.open("rb") as content:
            os.fsync(content.fileno())
        file.replace(storage.absolute(uri))
        return
    if storage.file_size(uri) != file.stat().st_size:
        storage.upload_file(file, uri)


def remove_leftovers(folder: str) -> None:
    """Remove what writers left behind that are known to have ended.

    Args:
        folder: URI of the folder of the shards.
    """
    # For a bucket, writers work in the temporary folder of their machine; what they upload is there as a whole.
    parent = storage.absolute(folder) if storage.is_local(folder) else tempfile.gettempdir()
    with suppress(FileNotFoundError):
        for path in Path(parent).glob(f".*{_WORK}"):
            owner = Owner.parse(path.name.split(".")[1])
            if owner and owner.has_abandoned(path):
                storage.remove_folder(str(path))


@dataclass(frozen=True)
class StoredFile:
    """A file that is named by its content.

    Attributes:
        name: Its name.
        xxh128: XXH3 hash of the content, 128 bits in hex.
        bytes: Size, in bytes; None if it is not known.
    """

    name: str
    xxh128: str
    bytes: int | None = None


def list_files(shards: Iterable[Shard]) -> list[StoredFile]:
    """The files of some shards: the shards and their indexes."""
    files = []
    for shard in shards:
        files.append(StoredFile(shard.name, shard.xxh128, shard.bytes))
        if shard.index_xxh128:
            files.append(StoredFile(index_name(shard.name), shard.index_xxh128))
    return files


def stamp_files(folder: str, files: Iterable[StoredFile]) -> dict[str, int]:
    """Name → time of modification, in ns, of files that were just written; nothing for a bucket.

    Args:
        folder: URI of the folder of the files.
        files: The files.

    Raises:
        FirelibError: A file is gone, or another machine has written it into a folder of its own.
    """
    if not storage.is_local(folder):
        return {}
    return {file.name: _read_stamp(folder, file.name) for file in files}


def _read_stamp(folder: str, name: str) -> int:
    try:
        return Path(storage.absolute(folder), name).stat().st_mtime_ns
    except FileNotFoundError:
        raise explain_missing(name, folder) from None


def are_intact(
    folder: str, files: Iterable[StoredFile], stamps: Mapping[str, int], sizes: Mapping[str, int | None]
) -> bool:
    """Whether files are there and undamaged.

    A local file that has the size and the time of modification that it had when it was written is taken for intact. If
    only the time differs, its hash decides. Of a file in a bucket, the size does: buckets check what they store.

    Args:
        folder: URI of the folder of the files.
        files: The files.
        stamps: What `stamp_files` returned when they were written.
        sizes: Name → size in bytes of what a bucket holds.
    """
    if storage.is_local(folder):
        local = storage.absolute(folder)
        return all(_is_intact(f"{local}/{file.name}", file, stamps.get(file.name)) for file in files)
    return all(file.name in sizes and file.bytes in (None, sizes[file.name]) for file in files)


def _is_intact(path: str, file: StoredFile, stamp: int | None) -> bool:
    try:
        found = os.stat(path)  # noqa: PTH116  for thousands of shards, `pathlib` takes longer than the file system
        is_whole = file.bytes in (None, found.st_size)
        return is_whole and (found.st_mtime_ns == stamp or _hash_file(Path(path)) == file.xxh128)
    except OSError:
        return False


def _hash_file(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while content := file.read(_STEP_BYTES):
            digest.update(content)
    return digest.hexdigest()
