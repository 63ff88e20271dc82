"""Datasets below the storage root, each under the hash of its manifest.

A stage that runs as a job elsewhere leaves its shards there, where all hosts see them; only the manifest, which is
small, goes back into the project, and whoever has it finds the shards.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib import storage
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import NAME, Manifest, index_name, read_manifest


def dataset_uri(paths: Paths) -> str:
    """URI of the manifest that has its shards beside it: in the project, else in the store."""
    manifest = read_manifest(str(paths.manifest))
    names = [shard.name for split in manifest.splits.values() for shard in split.shards]
    if all((paths.tfrecords / name).is_file() for name in names):
        return str(paths.manifest)
    stored = storage.join(_folder(paths, manifest), NAME)
    return stored if storage.exists(stored) else str(paths.manifest)  # then its reader says what is missing


def _folder(paths: Paths, manifest: Manifest) -> str:
    return storage.join(paths.datasets, manifest.sha256)


@contextmanager
def new_dataset(paths: Paths) -> Iterator[str]:
    """URI of a folder to write shards and manifest into; the dataset is there when the block ends well.

    It lies in the project, or in the store where `paths.elsewhere` is set; then the project gets the manifest alone.
    """
    if not paths.elsewhere:
        with storage.publish_folder(paths.tfrecords) as folder:
            yield str(folder)
        return
    work = storage.join(paths.datasets, f".{uuid.uuid4().hex}.tmp")
    storage.make_folder(work)
    try:
        yield work
        manifest = read_manifest(work)
        if not storage.exists(storage.join(_folder(paths, manifest), NAME)):
            _move(work, _folder(paths, manifest), manifest)
    finally:
        storage.remove_folder(work)
    with storage.publish_folder(paths.tfrecords) as folder:
        manifest.write(folder)


def _move(work: str, final: str, manifest: Manifest) -> None:
    """Give a dataset its final name: a folder as a whole, in a bucket file by file with the manifest last."""
    if storage.is_local(final):
        shutil.rmtree(final, ignore_errors=True)  # of a writer that was killed: it has no manifest
        Path(work).chmod(0o755)
        Path(work).replace(final)
        return
    for split in manifest.splits.values():
        for shard in split.shards:
            for name in (shard.name, *([index_name(shard.name)] if shard.index_xxh128 else [])):
                fs, source = storage.filesystem(storage.join(work, name))
                fs.cp_file(source, storage.filesystem(storage.join(final, name))[1])
    storage.write_bytes(storage.join(final, NAME), manifest.to_json())
