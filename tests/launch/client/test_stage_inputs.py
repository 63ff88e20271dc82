"""A job finds the dataset: in the bucket, or uploaded from this project, or it is refused with the command to send."""

from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from firelib import storage
from firelib.dataset_store import dataset_uri
from firelib.launch.client.stage_inputs import provide_inputs
from firelib.launch.job_spec import JobSpec
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import Manifest
from firelib.tfrecord.read.dataset import open_dataset
from tests.errors import refused
from tests.launch.drill import write_project
from tests.launch.jobs import job
from tests.test_dataset_store import publish

RECIPE = """
from firelib import Recipe, Source
from tests.tfrecord.small import FEATURES, LABEL

class Small(Recipe):
    name = "small"
    sources = {"rows": Source("rows.csv")}
    key = ("count",)
    features = tuple(FEATURES)
    label = LABEL

    def transform(self, tables):
        return tables["rows"]

    def build_model(self, features, params):
        raise NotImplementedError
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    write_project(folder)
    (folder / "recipe.py").write_text(RECIPE)
    return folder


@pytest.fixture
def spec(project: Path) -> Iterator[Callable[[str], JobSpec]]:
    """Return a job of a stage whose storage root is a bucket."""
    root = f"memory://{project.parent.name}/root"
    yield lambda stage: job(command=("firelib", stage), project=str(project), storage_root=root)
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are uploaded."""
    names: list[str] = []
    upload = storage.upload_file

    def record(file: Path, uri: str) -> None:
        upload(file, uri)
        names.append(file.name)

    monkeypatch.setattr(storage, "upload_file", record)
    return names


def make_dataset(project: Path, *sizes: int) -> Manifest:
    """Make a dataset of this machine, with one shard for each number of rows."""
    return publish(Paths("small", str(project / "storage"), project), *sizes)


def remove_shards(project: Path) -> None:
    for shard in (project / "data/small/tfrecords").glob("*.tfrecord*"):
        shard.unlink()


def test_a_dataset_of_this_machine_is_uploaded_once(project, spec, uploads, tmp_path):
    make_dataset(project, 30, 20)
    for _ in range(2):
        provide_inputs(spec("train"), "vertex")
    assert len(uploads) == len(set(uploads)) == 2
    container = Paths("small", spec("train").storage_root, tmp_path / "container", elsewhere=True)
    container.tfrecords.mkdir(parents=True)  # the job gets the manifest only
    container.manifest.write_bytes((project / "data/small/tfrecords/manifest.json").read_bytes())
    assert open_dataset(dataset_uri(container)).manifest.splits["train"].rows == 50


def test_of_a_grown_dataset_only_the_new_shard_is_uploaded(project, spec, uploads):
    make_dataset(project, 30)
    provide_inputs(spec("train"), "vertex")
    make_dataset(project, 30, 20)
    del uploads[:]
    provide_inputs(spec("train"), "vertex")
    assert len(uploads) == 1


def test_an_interrupted_upload_is_completed(project, spec, tmp_path):
    shards = make_dataset(project, 30, 20).splits["train"].shards
    paths = Paths("small", spec("train").storage_root, tmp_path, elsewhere=True)
    storage.write_bytes(storage.join(paths.shards, shards[0].name), b"half")
    provide_inputs(spec("train"), "vertex")
    sizes = storage.sizes(paths.shards, [])
    assert {shard.name: shard.bytes for shard in shards}.items() <= sizes.items()
    assert len(sizes) == 3  # and the manifest


def test_a_dataset_in_the_bucket_needs_no_shards_here(project, spec, uploads):
    make_dataset(project, 30)
    provide_inputs(spec("train"), "vertex")
    remove_shards(project)
    del uploads[:]
    provide_inputs(spec("train"), "vertex")
    assert uploads == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_dataset_in_the_folder_of_an_earlier_version_is_found_there(project, spec, uploads, tmp_path, is_whole):
    manifest = make_dataset(project, 30, 20)
    job_paths = Paths("small", spec("train").storage_root, tmp_path / "container", elsewhere=True)
    folder = storage.join(job_paths.datasets, manifest.sha256)
    files = sorted((project / "data/small/tfrecords").iterdir())
    for file in files if is_whole else files[:-1]:
        storage.upload_file(file, storage.join(folder, file.name))
    del uploads[:]
    provide_inputs(spec("train"), "vertex")
    assert len(uploads) == (0 if is_whole else 2)
    job_paths.tfrecords.mkdir(parents=True)
    job_paths.manifest.write_bytes((project / "data/small/tfrecords/manifest.json").read_bytes())
    assert open_dataset(dataset_uri(job_paths)).manifest.splits["train"].rows == 50


@pytest.mark.parametrize("stage", ["train", "tune"])
def test_shards_that_are_nowhere_are_named_with_the_command(project, spec, stage):
    [shard] = make_dataset(project, 30).splits["train"].shards
    remove_shards(project)
    with refused(what=shard.name, remedy=["firelib submit --to vertex -- firelib run transform", "dvc pull"]):
        provide_inputs(spec(stage), "vertex")


@pytest.mark.parametrize(
    ("stage", "missing", "last"),
    [
        ("transform", "data/small/lake.json", "extract"),
        ("train", "data/small/tfrecords/manifest.json", "transform"),
        ("tune", "data/small/tfrecords/manifest.json", "transform"),
        ("evaluate", "models/small", "train"),
    ],
)
def test_stages_that_have_to_run_first_are_named(spec, stage, missing, last):
    with refused(what=missing, where=stage, remedy=f"firelib submit --to kubeflow -- firelib run {last}"):
        provide_inputs(spec(stage), "kubeflow")


def test_a_transform_needs_its_tables_in_the_bucket(project, spec):
    lake = project / "data/small/lake.json"
    lake.parent.mkdir(parents=True)
    lake.write_text("{}")
    with refused(where="lake/small", remedy="extract"):
        provide_inputs(spec("transform"), "vertex")
    storage.write_bytes(storage.join(spec("transform").storage_root, "lake/small/rows/x"), b"1")
    provide_inputs(spec("transform"), "vertex")


@pytest.mark.parametrize("stage", ["extract", "run"])
def test_stages_without_inputs_need_none(spec, stage):
    provide_inputs(spec(stage), "vertex")


def test_uploads_are_announced_with_their_size(project, spec, capsys):
    make_dataset(project, 30)
    provide_inputs(spec("train"), "vertex")
    shown = capsys.readouterr().err
    assert "1 files" in shown
    assert "MiB" in shown
    assert spec("train").storage_root in shown
