"""Publish datasets: their shards are files that the datasets of a recipe share, each named by its content.

In the project's folder, a dataset's shards are links to these files, or copies on another disk. A stage that runs as a
job on another machine leaves them below the storage root, where all machines can read them, with the manifest beside
them under its hash. Only the manifest, which is small, returns to the project; its hash locates the shards.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib import storage
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, read_manifest

# The names that `transform` gives, and those that earlier versions gave. A manifest may be gone, because `dvc checkout`
# was interrupted.
_OWN_NAME = re.compile(rf"{re.escape(MANIFEST_NAME)}|\w+-\d+-(of-\d+|\d+-[0-9a-f]{{32}})\.tfrecord(\.gz)?(\.index)?")


def dataset_uri(paths: Paths) -> str:
    """URI of a manifest that has its shards beside it: in the project, otherwise below the storage root.

    Raises:
        FirelibError: The project has no valid manifest.
    """
    manifest = read_manifest(str(paths.manifest))
    names = [shard.name for split in manifest.splits.values() for shard in split.shards]
    if all((paths.tfrecords / name).is_file() for name in names):
        return str(paths.manifest)
    earlier = storage.join(paths.datasets, manifest.sha256, MANIFEST_NAME)
    stored = [uri for uri in (_locate(paths, manifest), earlier) if storage.exists(uri)]
    return stored[0] if stored else str(paths.manifest)  # the reader then names the missing shards


def _locate(paths: Paths, manifest: Manifest) -> str:
    """URI of a manifest beside the shards that all datasets share."""
    return storage.join(paths.shards, f"{manifest.sha256}.json")


@contextmanager
def new_dataset(paths: Paths, manifest: Manifest) -> Iterator[None]:
    """Publish a dataset whose shards are in `paths.shards`, when the block succeeds.

    The project gets the manifest, and the shards unless `paths.elsewhere` is set. A dataset that exists is replaced,
    unless its folder holds files that firelib does not write.

    Args:
        paths: Where shards and dataset are.
        manifest: Names the shards.

    Raises:
        FirelibError: The project's folder holds other files, or the disk is full.
    """
    with storage.publish_folder(paths.tfrecords, _is_own) as folder:
        if paths.elsewhere:
            storage.write_bytes(_locate(paths, manifest), manifest.to_json())
        else:
            for name in sorted(manifest.file_names - {MANIFEST_NAME}):
                _place(Path(paths.shards, name), folder / name)
        manifest.write(folder)
        yield


def _place(source: Path, target: Path) -> None:
    """Give a file a second name; copy it where the file system has no links, or to another one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def check_dataset_folder(paths: Paths) -> None:
    """Check before a transform that its dataset may replace what the project's folder holds.

    Raises:
        FirelibError: The folder holds files that firelib did not write.
    """
    storage.refuse_others(paths.tfrecords, _is_own)


def _is_own(name: str) -> bool:
    return _OWN_NAME.fullmatch(name) is not None
