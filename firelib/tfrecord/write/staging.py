"""Stage a dataset's files under provisional names and publish them when all are complete."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, Shard, index_name


@dataclass(frozen=True)
class StagedDataset:
    """A dataset being written.

    Write the files into `folder`, then call `remove_old_manifest`, `rename_shard` for each shard, and `finish`.

    Attributes:
        folder: Folder of the provisional names.
        final: Folder of the final names; the same for a local dataset, whose folder is renamed as a whole.
    """

    folder: str
    final: str

    def remove_old_manifest(self) -> None:
        """Remove the manifest of the dataset that is being replaced.

        Object stores cannot swap folders, so no dataset exists from here until `finish`.
        """
        if self.folder != self.final and storage.exists(storage.join(self.final, MANIFEST_NAME)):
            fs, path = storage.filesystem(storage.join(self.final, MANIFEST_NAME))
            fs.rm_file(path)

    def rename_shard(self, shard: Shard, name: str) -> None:
        """Move a shard, and its index if it has one, to a final name.

        Args:
            shard: The shard under its provisional name.
            name: The final file name.
        """
        pairs = [(shard.name, name)]
        if shard.index_xxh128:
            pairs.append((index_name(shard.name), index_name(name)))
        for old, new in pairs:
            fs, source = storage.filesystem(storage.join(self.folder, old))
            target = storage.filesystem(storage.join(self.final, new))[1]
            if self.folder == self.final:
                fs.mv(source, target)
            else:  # what `mv` does on object stores, without the listings that it adds
                fs.cp_file(source, target)
                fs.rm_file(source)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, which completes the dataset, and remove files of the dataset that it replaces."""
        storage.write_bytes(storage.join(self.final, MANIFEST_NAME), manifest.to_json())
        if self.folder == self.final:
            return
        shards = [shard.name for split in manifest.splits.values() for shard in split.shards]
        kept = {MANIFEST_NAME, *shards, *map(index_name, shards)}
        fs, path = storage.filesystem(self.final)
        for name in _list_names(self.final):
            if name not in kept and ".tfrecord" in name:
                fs.rm_file(f"{path}/{name}")


@contextmanager
def stage_dataset(uri: str, overwrite: bool) -> Iterator[StagedDataset]:
    """Stage a dataset that readers see only after the block ends without an error.

    Args:
        uri: The dataset's folder.
        overwrite: Whether to replace an existing dataset.

    Raises:
        FirelibError: The folder holds a dataset and `overwrite` is not set, or it holds other files.
    """
    uri = storage.absolute(uri)
    _check_folder(uri, overwrite)
    if storage.is_local(uri):
        with storage.publish_folder(Path(uri)) as folder:
            yield StagedDataset(str(folder), str(folder))
        return
    for name in _list_names(uri):
        if name.endswith(".tmp"):  # left behind by a writer that was killed
            storage.remove_folder(storage.join(uri, name))
    work = storage.join(uri, f".{uuid.uuid4().hex}.tmp")
    storage.make_folder(work)
    try:
        yield StagedDataset(work, uri)
    finally:
        storage.remove_folder(work)


def _check_folder(uri: str, overwrite: bool) -> None:
    names = _list_names(uri)
    if MANIFEST_NAME in names and not overwrite:
        raise FirelibError(
            "the folder already holds a dataset", where=uri, remedy="pass overwrite=True, or choose another folder"
        )
    others = [name for name in names if name != MANIFEST_NAME and ".tfrecord" not in name and not name.endswith(".tmp")]
    if others:
        raise FirelibError(
            f"the folder holds files that firelib did not write: {', '.join(sorted(others)[:3])}",
            where=uri,
            remedy="choose an empty or a new folder",
        )


def _list_names(uri: str) -> list[str]:
    """Names of the entries of a folder; empty if the folder does not exist."""
    fs, path = storage.filesystem(uri)
    if not fs.exists(path):
        return []
    names = [entry.rstrip("/").rpartition("/")[2] for entry in fs.ls(path, detail=False)]
    return [name for name in names if name and name != path.rstrip("/").rpartition("/")[2]]
