"""A run notices that dvc.yaml is out of step with the recipe."""

from pathlib import Path

import pytest

from firelib.config import Environment, load_params
from firelib.dvc_pipeline.dvc_file import DvcFile
from firelib.dvc_pipeline.run_check import check_before_run
from firelib.project_layout import Paths
from firelib.recipe import load_recipe
from tests.check.signs import write_project
from tests.errors import refused

STAGES = ["train"]  # a stale extract would read the rows


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    sync(tmp_path)
    return tmp_path


def sync(folder: Path) -> None:
    recipe = load_recipe("recipe.py")
    paths = Paths(recipe.name, str(folder / "storage"), folder)
    DvcFile(recipe, load_params(folder / "params.yaml"), paths, folder / "dvc.yaml").sync()


def change(folder: Path, old: str, new: str) -> None:
    recipe = folder / "recipe.py"
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))


def test_a_feature_changes_no_stage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(project, '    Feature("word"', '    Feature("twice", "float32"),\n    Feature("word"')
    check_before_run(project / "params.yaml", Environment(), STAGES)
    assert "dvc.yaml" not in capsys.readouterr().err


def test_a_source_is_named_and_the_run_goes_on(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(
        project, '    "rows": Source("rows.csv"),', '    "rows": Source("rows.csv"),\n    "more": Source("more.csv"),'
    )
    change(project, "@rows\ndef transform(rows):\n", 'def transform(tables):\n    rows = tables["rows"]\n')
    check_before_run(project / "params.yaml", Environment(), STAGES)
    said = capsys.readouterr().err
    assert all(part in said for part in ("warning: dvc.yaml:", "extract: missing: more.csv", "firelib sync"))
    sync(project)
    check_before_run(project / "params.yaml", Environment(), STAGES)
    assert "dvc.yaml" not in capsys.readouterr().err


def test_another_name_is_refused_with_all_outputs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(project, 'name = "signs"', 'name = "marks"')
    with refused(what="4 errors", remedy="firelib check"):
        check_before_run(project / "params.yaml", Environment(), STAGES)
    said = capsys.readouterr().err
    assert all(
        part in said for part in ("data/signs/tfrecords", "models/signs", "data/marks/tfrecords", "firelib sync")
    )
    sync(project)
    check_before_run(project / "params.yaml", Environment(), STAGES)
