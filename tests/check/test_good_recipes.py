"""Recipes that work have no findings."""

from pathlib import Path

import pytest

from firelib.check.description import check_description
from firelib.check.model.check_model import check_model
from tests.check.signs import PARAMS, write_project
from tests.project import ROOT


def test_the_documented_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It joins with Dask, excludes rows and commits by a column."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    recipe = (ROOT / "docs/recipe.md").read_text().split("```python\n")[1].split("```")[0]
    (tmp_path / "documented.py").write_text(recipe)
    (tmp_path / "params.yaml").write_text(PARAMS.replace("recipe.py", "documented.py"))
    description = check_description(tmp_path / "params.yaml")
    assert description.findings == []
    assert check_model(description).findings == []


def test_flights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its five tables are joined from their first rows."""
    monkeypatch.chdir(ROOT)
    description = check_description(Path("params.yaml"))
    assert description.findings == []
    assert description.checked
    assert description.checked.valid is not None
