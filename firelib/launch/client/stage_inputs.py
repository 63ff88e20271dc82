"""What a job needs of earlier stages: it is found, or uploaded from this project, or refused before the job is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from firelib import storage
from firelib.console import note, progress
from firelib.dataset_store import is_stored_object
from firelib.errors import FirelibError
from firelib.launch.client.job_sources import load_job_recipe
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.bounded_archive import MIB
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, read_manifest

_READ_DATASET = ("train", "tune", "evaluate")
_UPLOADS = 4  # at the same time; more would fill a usual line only with requests


def provide_inputs(spec: JobSpec, backend: str) -> None:
    """Make sure that a job finds what earlier stages have made; upload the dataset if only this project has it.

    Only a storage root in a bucket is looked at: this machine may not see the shared folder of another one.

    Args:
        spec: The job.
        backend: Its backend, for the commands in errors.

    Raises:
        FirelibError: An earlier stage has to run first, or the bucket cannot be used.
    """
    if spec.stage not in ("transform", *_READ_DATASET):
        return
    recipe, root = load_job_recipe(spec), spec.storage_root
    paths = Paths(recipe.name, root or "", Path(spec.project), elsewhere=True)
    _refuse_missing(paths, spec, backend)
    if root is None or storage.is_local(root):
        return
    if spec.stage in _READ_DATASET:
        _provide_dataset(paths, backend)
    elif not storage.exists(paths.lake):
        remedy = _suggest(backend, "extract")
        raise FirelibError("the tables of lake.json are not in the bucket", where=paths.lake, remedy=remedy)


def _suggest(backend: str, *stages: str) -> str:
    return "send " + " and ".join(stages) + f" first: firelib submit --to {backend} -- firelib run {stages[-1]}"


def _refuse_missing(paths: Paths, spec: JobSpec, backend: str) -> None:
    """Refuse a job whose inputs are not in the project, from which they travel with the code."""
    missing = dict(_find_missing(paths, spec.stage))
    if missing:
        what = "\n".join(f"{path.relative_to(paths.project)} does not exist" for path in missing)
        remedy = _suggest(backend, *dict.fromkeys(stage for stages in missing.values() for stage in stages))
        raise FirelibError(what, where=f"inputs of firelib {spec.stage}", remedy=remedy)


def _find_missing(paths: Paths, stage: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if stage == "transform" and not paths.lake_json.is_file():
        yield paths.lake_json, ("extract",)
    if stage in _READ_DATASET and not paths.manifest.is_file():
        yield paths.manifest, ("extract", "transform")
    if stage == "evaluate" and not (paths.model.is_dir() and any(paths.model.iterdir())):
        yield paths.model, ("train",)


def _provide_dataset(paths: Paths, backend: str) -> None:
    """Upload the files of the project's dataset that its folder in the bucket lacks, and at last the manifest."""
    manifest = read_manifest(str(paths.manifest))
    if _is_stored_alone(paths, manifest):
        return
    folder, name = _locate(paths, manifest)
    missing = _list_missing(manifest, folder)
    absent = [each for each in missing if not (paths.tfrecords / each).is_file()]
    if absent:
        raise FirelibError(
            f"{len(absent)} of {len(manifest.file_names) - 1} files of the dataset are neither in the bucket nor here, "
            f"such as {absent[0]}",
            where=folder,
            remedy=f"{_suggest(backend, 'extract', 'transform')}; or get them here: dvc pull",
        )
    if missing:
        _upload([paths.tfrecords / each for each in missing], folder)
    if missing or not storage.exists(storage.join(folder, name)):
        storage.write_bytes(storage.join(folder, name), paths.manifest.read_bytes())


def _locate(paths: Paths, manifest: Manifest) -> tuple[str, str]:
    """Folder of a dataset in the bucket, and the name of its manifest there.

    Shards that are named by their content are shared by the datasets of a recipe. Those of earlier versions of firelib
    are in a folder that is named by the manifest's hash.
    """
    names = manifest.file_names - {MANIFEST_NAME}
    if all(is_stored_object(f"{manifest.recipe}/{name}") for name in names):
        return paths.shards, f"{manifest.sha256}.json"
    return storage.join(paths.datasets, manifest.sha256), MANIFEST_NAME


def _is_stored_alone(paths: Paths, manifest: Manifest) -> bool:
    """Whether the whole dataset is in a folder of its own, where earlier versions of firelib stored it."""
    folder = storage.join(paths.datasets, manifest.sha256)
    return storage.exists(storage.join(folder, MANIFEST_NAME)) and not _list_missing(manifest, folder)


def _list_missing(manifest: Manifest, folder: str) -> list[str]:
    """Names of the dataset's files that are not in a folder, or are there with another size."""
    expected = {shard.name: shard.bytes for split in manifest.splits.values() for shard in split.shards}
    stored = storage.sizes(folder, [])
    names = sorted(manifest.file_names - {MANIFEST_NAME})
    return [name for name in names if name not in stored or stored[name] != expected.get(name, stored[name])]


def _upload(files: list[Path], folder: str) -> None:
    total = sum(file.stat().st_size for file in files)
    note(
        f"uploading {len(files)} files of the dataset, {total / MIB:,.1f} MiB, to {folder}; later jobs find them there"
    )
    done = 0
    with progress("upload (MiB)", total / MIB) as advance, ThreadPoolExecutor(_UPLOADS) as pool:
        uploads = pool.map(lambda file: storage.upload_file(file, storage.join(folder, file.name)), files)
        for file, _ in zip(files, uploads, strict=True):
            done += file.stat().st_size
            advance(done / MIB, total / MIB)
