"""The check before and beside a run."""

import time
from pathlib import Path
from typing import Any

import pytest

from firelib.config import Environment
from firelib.dvc_pipeline import model_check
from firelib.dvc_pipeline.model_check import ModelCheck, check_model_beside
from firelib.dvc_pipeline.run_check import check_before_run
from firelib.recipe import load_recipe
from tests.check.signs import PARAMS, RECIPE, write_project
from tests.errors import refused
from tests.patience import patience


class Stages:
    """Stages of which one runs."""

    def __init__(self, running: str) -> None:
        self._running = running

    def runs(self, stage: str) -> bool:
        return stage == self._running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


def test_errors_are_refused_before_a_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project.with_name("rows.csv").unlink()
    with refused(what=1, remedy=["firelib check", "--no-check"]):
        check_before_run(project, Environment(), ["extract"])
    assert "rows.csv" in capsys.readouterr().err


def test_sources_are_read_only_if_extract_is_stale(project: Path) -> None:
    project.with_name("rows.csv").unlink()
    check_before_run(project, Environment(), ["train"])


def test_sources_that_only_a_cluster_can_read_are_no_errors(project: Path) -> None:
    project.with_name("rows.csv").unlink()
    check_before_run(project, Environment(ray_address="http://head:8265"), ["extract"])


@pytest.mark.integration
def test_a_mistake_in_the_model_ends_the_run(project: Path) -> None:
    project.with_name("recipe.py").write_text(RECIPE.replace("Dense(1", "Dense(3"))
    project.with_name("rows.csv").unlink()  # is not the model's mistake
    dvc: Any = Stages("transform")
    with ModelCheck(project) as check:
        deadline = time.monotonic() + patience(400)  # it gives way to all others
        while not check.watch(dvc) and time.monotonic() < deadline:
            time.sleep(0.2)
        line = RECIPE[: RECIPE.index("Dense(1")].count("\n") + 1
        assert [finding.line for finding in check.find_errors()] == [line]
        with refused(what=1, remedy="firelib check"):
            check.require_none()


def test_training_ends_the_check(project: Path) -> None:
    dvc: Any = Stages("train")
    with ModelCheck(project) as check:
        assert check.watch(dvc) is False
        assert check.watch(dvc) is False
        assert check.has_passed is False


def test_a_model_that_was_trained_is_not_checked_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_check, "has_room", lambda: True)
    recipe, record = load_recipe("recipe.py"), project.with_name("check.json")
    with check_model_beside(recipe, project, record) as check:
        assert check is not None  # neither checked nor trained, when the stages fail early
    with check_model_beside(recipe, project, record) as check:
        assert check is not None
        check.accept()
    with check_model_beside(recipe, project, record) as check:
        assert check is None
    project.write_text(PARAMS.replace("width: 2", "width: 3"))
    with check_model_beside(recipe, project, record) as check:
        assert check is not None
