"""A dataset's folder that shows nothing until all of it is there."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.manifest import NAME, Manifest, Shard, index_name


@dataclass(frozen=True)
class Target:
    """Where files go until they are published.

    Attributes:
        folder: For provisional names.
        final: For final names.
    """

    folder: str
    final: str

    def rename(self, shard: Shard, name: str) -> None:
        """Move a shard, and its index if it has one, to a final name."""
        pairs = [(shard.name, name)]
        if shard.index_xxh128:
            pairs.append((index_name(shard.name), index_name(name)))
        for old, new in pairs:
            fs, source = storage.filesystem(storage.join(self.folder, old))
            fs.mv(source, storage.filesystem(storage.join(self.final, new))[1])

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: with it the dataset is whole."""
        storage.write_bytes(storage.join(self.final, NAME), manifest.to_json())


@contextmanager
def publish(uri: str, overwrite: bool) -> Iterator[Target]:
    """A place to write a dataset, which takes its name when the block ends well.

    Raises:
        FirelibError: There is a dataset already and `overwrite` is not set, or the folder holds other things.
    """
    uri = storage.absolute(uri)
    _check_free(uri, overwrite)
    if storage.is_local(uri):
        with storage.publish_folder(Path(uri)) as folder:
            yield Target(str(folder), str(folder))
        return
    if storage.exists(storage.join(uri, NAME)):
        fs, path = storage.filesystem(storage.join(uri, NAME))
        fs.rm(path)  # from here on the old dataset is no more: object stores cannot swap folders
    work = storage.join(uri, f".{uuid.uuid4().hex}.tmp")
    storage.make_folder(work)
    try:
        yield Target(work, uri)
    finally:
        storage.remove_folder(work)


def _check_free(uri: str, overwrite: bool) -> None:
    fs, path = storage.filesystem(uri)
    if not fs.exists(path):
        return
    names = [entry.rstrip("/").rpartition("/")[2] for entry in fs.ls(path, detail=False)]
    if NAME in names and not overwrite:
        raise FirelibError("there is a dataset already", where=uri, remedy="overwrite=True, or another folder")
    strange = [name for name in names if name != NAME and ".tfrecord" not in name and not name.endswith(".tmp")]
    if strange:
        raise FirelibError(
            f"the folder holds other things: {', '.join(sorted(strange)[:3])}", where=uri, remedy="a folder of its own"
        )
