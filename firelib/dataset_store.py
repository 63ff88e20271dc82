"""Publish datasets: their shards are files that the datasets of a recipe share, each named by its content.

In the project's folder, a dataset's shards are links to these files, or copies on another disk. A stage that runs as a
job on another machine leaves them below the storage root, where all machines can read them. The manifest is beside them
under its hash. Only the manifest, which is small, returns to the project; its hash locates the shards.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from firelib import storage
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, read_manifest

_DATASET = re.compile(r"[0-9a-f]{64}")  # the hash of a manifest
# The names that `transform` gives, and those that earlier versions gave. A manifest may be gone, because `dvc checkout`
# was interrupted.
_OWN_NAME = re.compile(
    rf"{re.escape(MANIFEST_NAME)}|\w+-\d+-(of-\d+|\d+-[0-9a-f]{{32}})\.tfrecord(\.gz)?(\.index)?"
    r"|vocabulary-\d+(-[0-9a-f]{32})?\.json"
)
_SHARED_NAME = re.compile(
    r"\w+-\d+-\d+-[0-9a-f]{32}\.tfrecord(\.index)?|vocabulary-\d+-[0-9a-f]{32}\.json|[0-9a-f]{64}\.json"
)


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
    stored = [uri for uri in (_locate(paths, manifest.sha256), earlier) if storage.exists(uri)]
    return stored[0] if stored else str(paths.manifest)  # the reader then names the missing shards


def _locate(paths: Paths, sha256: str) -> str:
    """URI of a manifest, by its hash, beside the shards that all datasets share."""
    return storage.join(paths.shards, f"{sha256}.json")


def list_objects(manifest: Manifest) -> frozenset[str]:
    """The objects of the store that a manifest names, as paths relative to `Paths.datasets`.

    Earlier versions stored each dataset in a folder of its own, so its objects have these names, too.
    """
    shared = {f"{manifest.recipe}/{name}" for name in manifest.file_names - {MANIFEST_NAME}}
    alone = {f"{manifest.sha256}/{name}" for name in manifest.file_names}
    return frozenset({*shared, f"{manifest.recipe}/{manifest.sha256}.json", *alone})


def is_stored_object(path: str) -> bool:
    """Whether firelib gives an object such a name.

    Args:
        path: Its path relative to `Paths.datasets`.
    """
    folder, _, name = path.partition("/")
    pattern = _OWN_NAME if is_single_dataset(folder) else _SHARED_NAME
    return pattern.fullmatch(name) is not None


def is_single_dataset(folder: str) -> bool:
    """Whether a folder of `Paths.datasets` holds one dataset, which an earlier version stored, by its name."""
    return _DATASET.fullmatch(folder) is not None


def parse_manifest_name(name: str) -> str | None:
    """The hash of the manifest that an object of a recipe's folder holds; None if it is another object.

    Args:
        name: Name of the object.
    """
    stem = name.removesuffix(".json")
    return stem if stem != name and _DATASET.fullmatch(stem) else None


@contextmanager
def new_dataset(paths: Paths, manifest: Manifest) -> Iterator[str]:
    """Publish a dataset whose shards are in `paths.shards`, when the block succeeds.

    The project gets the manifest, and the shards unless `paths.elsewhere` is set. A dataset that exists is replaced,
    unless its folder holds files that firelib does not write.

    Args:
        paths: Where shards and dataset are.
        manifest: Names the shards.

    Yields:
        The hash of the manifest.

    Raises:
        FirelibError: The project's folder holds other files, a shard is gone, the disk is full, or the bucket cannot
            be used.
    """
    names = sorted(manifest.file_names - {MANIFEST_NAME})
    with storage.publish_folder(paths.tfrecords, _is_own) as folder:
        if paths.elsewhere:
            _check_stored(names, paths.shards)
        else:
            shards = storage.absolute(paths.shards)
            for name in names:
                _place(f"{shards}/{name}", f"{folder}/{name}")
        content = manifest.to_json()  # takes a while for thousands of shards
        sha256 = hashlib.sha256(content).hexdigest()
        storage.write_bytes(str(folder / MANIFEST_NAME), content)
        yield sha256
        storage.write_bytes(_locate(paths, sha256), content)


def _check_stored(names: list[str], folder: str) -> None:
    stored = storage.sizes(folder, [])
    missing = [name for name in names if name not in stored]
    if missing:
        raise explain_missing(missing[0], folder)


def _place(source: str, target: str) -> None:
    """Give a file a second name; copy it where the file system has no links, or to another one.

    Paths are strings: for thousands of shards, `pathlib` takes longer than the file system.
    """
    try:
        os.link(source, target)
    except FileNotFoundError:
        folder, _, name = source.rpartition("/")
        raise explain_missing(name, folder) from None
    except OSError:
        shutil.copy2(source, target)


def explain_missing(name: str, folder: str) -> FirelibError:
    """The error for a file that was written and is not there.

    Args:
        name: Its name.
        folder: URI of its folder.
    """
    return FirelibError(
        f"{name} was removed while the dataset was made, or is on another machine",
        where=folder,
        remedy="run firelib transform again, and firelib data gc only when no transform runs; on a cluster, "
        "storage.root (FIRELIB_STORAGE_ROOT) must be a bucket or a folder that all nodes share",
    )


def check_dataset_folder(paths: Paths) -> None:
    """Check before a transform that its dataset may replace what the project's folder holds.

    Raises:
        FirelibError: The folder holds files that firelib did not write.
    """
    storage.refuse_others(paths.tfrecords, _is_own)


def _is_own(name: str) -> bool:
    return _OWN_NAME.fullmatch(name) is not None
