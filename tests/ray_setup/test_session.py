import os
import re
import socket
from pathlib import Path

import pytest

from firelib.config import Environment
from firelib.data.extract import extract
from firelib.data.transform import transform
from firelib.ray_setup.session import ray_session, require_cpus
from firelib.recipe import load_recipe
from tests.errors import refused
from tests.odd_environments import clean, session
from tests.recipes.tiny import project, write_sources

NATIVE_LOG = re.compile(r"^\[20\d\d-", re.MULTILINE)
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
def test_workers_run_a_recipe_that_they_cannot_import(tmp_path: Path, code: str) -> None:
    write_sources(tmp_path)
    (tmp_path / "from_a_file.py").write_text(code.format(folder=tmp_path))
    recipe = load_recipe(str(tmp_path / "from_a_file.py"))
    params, paths = project(tmp_path)
    extract(recipe, paths)
    with ray_session(Environment(), recipe):
        manifest = transform(recipe, params, paths)
    assert manifest.fitted["double"].maximum > 1000  # type: ignore[operator]


@pytest.mark.usefixtures("ray_cluster")
def test_workers_get_their_share_of_a_busy_machine() -> None:
    import ray

    assert ray.get(ray.remote(lambda: os.nice(0)).remote()) == os.nice(0)


@pytest.mark.usefixtures("ray_cluster")
def test_initialized_ray_is_used_and_left_running() -> None:
    import ray

    with ray_session(Environment()) as address:
        assert address == ray.get_runtime_context().gcs_address
    assert ray.is_initialized()


@pytest.mark.usefixtures("ray_cluster")
def test_require_cpus_refuses_more_than_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    require_cpus(1, "training")
    assert capsys.readouterr().err == ""
    require_cpus(2, "training")
    assert "all 2 CPUs" in capsys.readouterr().err
    with refused(what=["training", 3, 2], where="params.yaml: train.workers", remedy="FIRELIB_WORKERS"):
        require_cpus(3, "training")


@pytest.mark.parametrize("listens", [False, True], ids=["closed port", "no response"])
def test_unresponsive_address(listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        if not listens:
            listener.close()
        result, stderr = session(clean(HOME=str(Path.home()), RAY_ADDRESS=address))
    assert address in result["what"]
    assert result["where"] == f"RAY_ADDRESS={address}"
    assert "RAY_ADDRESS" in result["remedy"]
    assert result["seconds"] < 20  # 8 s on an idle machine; Ray alone would try for minutes
    assert not NATIVE_LOG.search(stderr), stderr
    assert result["left"] == []


@pytest.mark.parametrize("address", ["http://head:8265", "head.invalid:6379", "ray://head.invalid:10001"])
def test_invalid_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")  # otherwise the session sets it for all later tests
    # Other tests may have started Ray in this process: hide it, and do not shut it down.
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    with refused(what=address, where=f"RAY_ADDRESS={address}") as caught, ray_session(Environment()):
        pass
    assert ("FIRELIB_RAY_ADDRESS" in str(caught.value.remedy)) == address.startswith("http")
