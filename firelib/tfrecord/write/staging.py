"""A dataset's folder that shows nothing until all of it is there."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import NAME, Manifest, Shard, index_name


@dataclass(frozen=True)
class Target:
    """Where files go until they are published: write them, `take_down`, `rename` all, `finish`.

    Attributes:
        folder: For provisional names.
        final: For final names.
    """

    folder: str
    final: str

    def take_down(self) -> None:
        """Remove the manifest of a dataset that was there: object stores cannot swap folders, so from here on until
        the end there is none."""
        if self.folder != self.final and storage.exists(storage.join(self.final, NAME)):
            fs, path = storage.filesystem(storage.join(self.final, NAME))
            fs.rm_file(path)

    def rename(self, shard: Shard, name: str) -> None:
        """Move a shard, and its index if it has one, to a final name."""
        pairs = [(shard.name, name)]
        if shard.index_xxh128:
            pairs.append((index_name(shard.name), index_name(name)))
        for old, new in pairs:
            fs, source = storage.filesystem(storage.join(self.folder, old))
            target = storage.filesystem(storage.join(self.final, new))[1]
            if self.folder == self.final:
                fs.mv(source, target)
            else:  # what `mv` does for object stores, less the listings around it
                fs.cp_file(source, target)
                fs.rm_file(source)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: with it the dataset is whole. Files of a dataset that was there before are removed."""
        storage.write_bytes(storage.join(self.final, NAME), manifest.to_json())
        if self.folder == self.final:
            return
        shards = [shard.name for split in manifest.splits.values() for shard in split.shards]
        kept = {NAME, *shards, *map(index_name, shards)}
        fs, path = storage.filesystem(self.final)
        for name in _names(self.final):
            if name not in kept and ".tfrecord" in name:
                fs.rm_file(f"{path}/{name}")


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
    for name in _names(uri):
        if name.endswith(".tmp"):  # of a writer that was killed
            storage.remove_folder(storage.join(uri, name))
    work = storage.join(uri, f".{uuid.uuid4().hex}.tmp")
    storage.make_folder(work)
    try:
        yield Target(work, uri)
    finally:
        storage.remove_folder(work)


def _check_free(uri: str, overwrite: bool) -> None:
    names = _names(uri)
    if NAME in names and not overwrite:
        raise FirelibError("there is a dataset already", where=uri, remedy="overwrite=True, or another folder")
    strange = [name for name in names if name != NAME and ".tfrecord" not in name and not name.endswith(".tmp")]
    if strange:
        raise FirelibError(
            f"the folder holds other things: {', '.join(sorted(strange)[:3])}", where=uri, remedy="a folder of its own"
        )


def _names(uri: str) -> list[str]:
    """What a folder holds; nothing if it is not there."""
    fs, path = storage.filesystem(uri)
    if not fs.exists(path):
        return []
    names = [entry.rstrip("/").rpartition("/")[2] for entry in fs.ls(path, detail=False)]
    return [name for name in names if name and name != path.rstrip("/").rpartition("/")[2]]
