"""Which image runs a stage: the table of `make push`, a name with the component in it, or one image."""

import json

import pytest

from firelib.launch.images.image_choice import DIGESTS, choose_image, list_components
from tests.errors import refused
from tests.launch.jobs import job

TABLE = {
    name: f"registry.invalid/lab/firelib-{name}@sha256:{index:064x}"
    for index, name in enumerate(("extract", "transform", "trainer", "trainer-gpu", "evaluate"))
}


def stage(project, name, **fields):
    return job(command=("firelib", name), project=str(project), **fields)


@pytest.fixture
def project(tmp_path):
    return write_table(tmp_path, TABLE)


def write_table(folder, table):
    (folder / DIGESTS).parent.mkdir()
    (folder / DIGESTS).write_text(json.dumps(table))
    return folder


@pytest.mark.parametrize(
    ("name", "component"),
    list(
        {**{name: name for name in ("extract", "transform", "evaluate")}, "train": "trainer", "tune": "trainer"}.items()
    ),
)
def test_the_table_of_the_project_names_the_component(project, name, component):
    assert choose_image(None, stage(project, name)) == TABLE[component]


@pytest.mark.parametrize("resources", [{"gpu": "l4"}, {"machine": "g2-standard-8"}])
def test_training_on_gpus_needs_the_variant_with_cuda(project, resources):
    assert choose_image(None, stage(project, "train", resources=resources)) == TABLE["trainer-gpu"]


def test_the_trainer_evaluates_where_no_other_image_does(tmp_path):
    project = write_table(tmp_path, {"trainer": TABLE["trainer"]})
    assert choose_image(None, stage(project, "evaluate")) == TABLE["trainer"]


def test_a_table_without_the_component_is_refused(tmp_path):
    project = write_table(tmp_path, {"trainer": TABLE["trainer"]})
    with refused(what=["trainer-gpu", "train"], where=project / DIGESTS, remedy="make push"):
        choose_image(None, stage(project, "train", resources={"gpu": "t4"}))


def test_another_table(tmp_path, project):
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"trainer": "registry.invalid/other@sha256:1"}))
    assert choose_image(str(other), stage(project, "train")) == "registry.invalid/other@sha256:1"


@pytest.mark.parametrize("text", ['["trainer"]', '{"trainer": 1}'])
def test_a_table_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with refused(where=tmp_path / "other.json", remedy="make push"):
        choose_image(str(tmp_path / "other.json"), stage(tmp_path, "train"))


def test_a_misspelt_component_is_refused_with_the_right_one(tmp_path):
    (tmp_path / "other.json").write_text('{"trainr": "x"}')
    with refused(what="trainr", remedy="trainer"):
        choose_image(str(tmp_path / "other.json"), stage(tmp_path, "train"))


def test_a_missing_table_is_refused(tmp_path):
    with refused(where=tmp_path / "none.json", remedy="make push"):
        choose_image(str(tmp_path / "none.json"), stage(tmp_path, "train"))


def test_the_component_is_filled_in(tmp_path):
    name = "registry.invalid/lab/firelib-{component}:v1"
    assert choose_image(name, stage(tmp_path, "train")) == "registry.invalid/lab/firelib-trainer:v1"
    assert choose_image(name, stage(tmp_path, "extract")) == "registry.invalid/lab/firelib-extract:v1"


def test_one_image_runs_every_stage(project):
    assert choose_image("mine@sha256:1", stage(project, "transform")) == "mine@sha256:1"


def test_without_image_and_table_there_is_none(tmp_path):
    assert choose_image(None, stage(tmp_path, "train")) is None


def test_every_stage_has_components():
    assert {name: list_components(name, has_gpu=True)[-1] for name in ("extract", "train", "evaluate")} == {
        "extract": "extract",
        "train": "trainer-gpu",
        "evaluate": "trainer-gpu",
    }
