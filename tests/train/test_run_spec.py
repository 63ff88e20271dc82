import pytest

from firelib.recipe import load_recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.run_spec import compute_run_id
from tests.train.toy import Toy, toy_params, write_toy

RECIPE = """
from firelib.recipe import Feature, Source
sources = {{"rows": Source("rows.csv")}}
features = (Feature("number", "float32"),)
label = Feature("positive", "int64")
key = ("id",)
def transform(tables): return tables["rows"]
def build_model(features, params): return {activation!r}
"""


@pytest.fixture
def manifest(tmp_path):
    return read_manifest(str(write_toy(tmp_path).manifest))


def test_run_id_does_not_depend_on_the_number_of_workers(manifest):
    ids = {compute_run_id(Toy(), toy_params(workers=workers), {}, manifest) for workers in (1, 4)}
    assert len(ids) == 1


def test_run_id_does_not_depend_on_checkpoints_and_timeouts(manifest):
    often = toy_params(train={"checkpoint": {"every_steps": 1}, "hang_seconds": 5, "min_workers": 2})
    assert compute_run_id(Toy(), often, {}, manifest) == compute_run_id(Toy(), toy_params(), {}, manifest)


def test_run_id_depends_on_parameters_and_data(manifest):
    ids = {
        compute_run_id(Toy(), toy_params(), {}, manifest),
        compute_run_id(Toy(), toy_params(epochs=3), {}, manifest),
        compute_run_id(Toy(), toy_params(), {"width": 8}, manifest),
        compute_run_id(Toy(), toy_params(train={"clip_norm": 1.0}), {}, manifest),
        compute_run_id(Toy(), toy_params(), {}, manifest.model_copy(update={"tables": {"rows": 1}})),
    }
    assert len(ids) == 5


def test_run_id_depends_on_the_code_of_the_recipe(manifest, tmp_path):
    """Otherwise a new `build_model` would resume the weights of the old one."""
    file, ids = tmp_path / "edited.py", []
    for activation in ("relu", "tanh", "relu"):
        file.write_text(RECIPE.format(activation=activation))
        ids.append(compute_run_id(load_recipe(str(file)), toy_params(), {}, manifest))
    assert ids[0] != ids[1]
    assert ids[0] == ids[2]
