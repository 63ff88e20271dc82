"""The notebooks in examples/: their cells run from top to bottom, and they are stored without outputs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs(notebook: Path) -> None:
    assert [cell for cell in code_cells(notebook) if cell["outputs"] or cell["execution_count"]] == []


def test_first_dataset_trains_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, cell in enumerate(code_cells(ROOT / "examples" / "first_dataset.ipynb")):
        exec(compile("".join(cell["source"]), f"<cell {number}>", "exec"), names)
    assert (tmp_path / "first_dataset" / "manifest.json").exists()
    assert (names["parts"][0].tolist() + names["parts"][1].tolist()) == names["labels"].numpy().tolist()
    assert names["accuracy"] > 0.9
