from pathlib import Path

import pytest

from firelib.config import Environment
from firelib.data.extract import extract
from firelib.data.transform import transform
from firelib.errors import FirelibError
from firelib.ray_session import ray_session, require_cpus
from firelib.recipe import load_recipe
from tests.recipes.tiny import project, write_sources

RECIPE = """
from firelib.recipe import Feature, Source
sources = {{"orders": Source("{folder}/orders.csv", commit_by=("day",))}}
features = (Feature("double", "float32", nullable=True),)
label = Feature("big", "int64")
key = ("day", "id")
def double(rows): return rows.assign(double=rows["amount"] * 2)
def transform(tables): return tables["orders"].map_partitions(double)
def exclude(rows): return {{"cancelled": rows["state"] == "cancelled"}}
def build_model(features, params): raise NotImplementedError
"""
CLASS = """
from firelib.recipe import Feature, Recipe, Source
class Mine(Recipe):
    sources = {{"orders": Source("{folder}/orders.csv", commit_by=("day",))}}
    features = (Feature("double", "float32", nullable=True),)
    label = Feature("big", "int64")
    key = ("day", "id")
    def transform(self, tables): return tables["orders"].map_partitions(double)
    def build_model(self, features, params): raise NotImplementedError
def double(rows): return rows.assign(double=rows["amount"] * 2)
"""


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("code", [RECIPE, CLASS], ids=["module", "class"])
def test_a_recipe_from_a_file_runs_in_workers_that_cannot_import_it(tmp_path: Path, code: str) -> None:
    write_sources(tmp_path)
    (tmp_path / "from_a_file.py").write_text(code.format(folder=tmp_path))
    recipe = load_recipe(str(tmp_path / "from_a_file.py"))
    params, paths = project(tmp_path)
    extract(recipe, paths)
    with ray_session(Environment(), recipe):
        manifest = transform(recipe, params, paths)
    assert manifest.fitted["double"].maximum > 1000  # type: ignore[operator]


@pytest.mark.usefixtures("ray_cluster")
def test_a_ray_that_is_there_is_joined_and_left_running() -> None:
    import ray

    with ray_session(Environment()) as address:
        assert address == ray.get_runtime_context().gcs_address
    assert ray.is_initialized()


@pytest.mark.usefixtures("ray_cluster")
def test_work_that_can_never_start_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    require_cpus(1, "training")
    assert capsys.readouterr().err == ""
    require_cpus(2, "training")
    assert "takes all 2 CPUs" in capsys.readouterr().err
    with pytest.raises(FirelibError, match=r"(?s)training needs 3 CPUs, this Ray has 2.*remedy: fewer workers"):
        require_cpus(3, "training")
