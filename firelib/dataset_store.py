"""Store datasets below the storage root, each under the hash of its manifest.

A stage that runs as a job on another machine writes its shards there, where all machines can read them. Only the
manifest, which is small, returns to the project; its hash locates the shards.
"""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib import storage
from firelib.project_layout import Paths
from firelib.storage import Owner
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, read_manifest

_DATASET = re.compile(r"[0-9a-f]{64}")  # the hash of a manifest
# The names that `transform` gives. A manifest may be gone, because `dvc checkout` was interrupted.
_OWN_NAME = re.compile(rf"{re.escape(MANIFEST_NAME)}|\w+-\d+-of-\d+\.tfrecord(\.gz)?(\.index)?|vocabulary-\d+\.json")


def dataset_uri(paths: Paths) -> str:
    """URI of the manifest that has its shards beside it: in the project, otherwise in the store.

    Raises:
        FirelibError: The project has no valid manifest.
    """
    manifest = read_manifest(str(paths.manifest))
    names = [shard.name for split in manifest.splits.values() for shard in split.shards]
    if all((paths.tfrecords / name).is_file() for name in names):
        return str(paths.manifest)
    stored = storage.join(_stored_folder(paths, manifest), MANIFEST_NAME)
    return stored if storage.exists(stored) else str(paths.manifest)  # the reader then names the missing shards


def _stored_folder(paths: Paths, manifest: Manifest) -> str:
    return storage.join(paths.datasets, manifest.sha256)


def list_objects(manifest: Manifest) -> frozenset[str]:
    """The objects of the store that a manifest names, as paths relative to `Paths.datasets`."""
    return frozenset(f"{manifest.sha256}/{name}" for name in manifest.file_names)


def is_stored_object(path: str) -> bool:
    """Whether firelib gives an object such a name.

    Args:
        path: Its path relative to `Paths.datasets`.
    """
    folder, _, name = path.partition("/")
    return _DATASET.fullmatch(folder) is not None and _is_own(name)


@contextmanager
def new_dataset(paths: Paths) -> Iterator[str]:
    """Publish the dataset that the block writes into a temporary folder.

    The dataset is published in the project. If `paths.elsewhere` is set, it is published in the store, and the project
    gets its manifest. If the block fails, nothing is published. A dataset that exists is replaced, unless its folder
    holds files that firelib does not write.

    Yields:
        URI of the folder to write shards and manifest into.

    Raises:
        FirelibError: The project's folder holds other files.
    """
    if not paths.elsewhere:
        with storage.publish_folder(paths.tfrecords, _is_own) as folder:
            yield str(folder)
        return
    work = storage.join(paths.datasets, f".{Owner.current().token}.{uuid.uuid4().hex}.tmp")
    storage.make_folder(work)
    try:
        yield work
        manifest = read_manifest(work)
        final = _stored_folder(paths, manifest)
        if not storage.exists(storage.join(final, MANIFEST_NAME)):
            _publish(work, final, manifest)
    finally:
        storage.remove_folder(work)
    with storage.publish_folder(paths.tfrecords, _is_own) as folder:
        manifest.write(folder)


def check_dataset_folder(paths: Paths) -> None:
    """Check before a transform that its dataset may replace what the project's folder holds.

    Raises:
        FirelibError: The folder holds files that firelib did not write.
    """
    storage.refuse_others(paths.tfrecords, _is_own)


def _is_own(name: str) -> bool:
    return _OWN_NAME.fullmatch(name) is not None


def _publish(work: str, final: str, manifest: Manifest) -> None:
    """Move a dataset to its final name: a local folder as a whole, in a bucket file by file, the manifest last."""
    if storage.is_local(final):
        if Path(final).exists():  # without a manifest: left behind by a cleanup that was killed
            others = [path.name for path in Path(final).iterdir() if path.name not in manifest.file_names]
            storage.refuse_files(others, final)
            shutil.rmtree(final)
        Path(work).chmod(0o755)
        storage.rename_folder(Path(work), Path(final))
        return
    for name in sorted(manifest.file_names - {MANIFEST_NAME}):
        fs, source = storage.filesystem(storage.join(work, name))
        fs.cp_file(source, storage.filesystem(storage.join(final, name))[1])
    storage.write_bytes(storage.join(final, MANIFEST_NAME), manifest.to_json())
