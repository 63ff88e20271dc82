"""The recipes in examples/: firelib check finds no mistake in them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.check.description import check_description
from firelib.check.model.check_model import check_model
from tests.check.signs import PARAMS
from tests.project import ROOT

ROWS = 200


def write_pictures(folder: Path) -> None:
    import io

    from PIL import Image

    files = []
    for index in range(ROWS):
        file = io.BytesIO()
        Image.new("RGB", (8 + index % 5, 9), (index, 100, 50)).save(file, "PNG")
        files.append(file.getvalue())
    names = [f"{index}.png" for index in range(ROWS)]
    table = {"name": names, "picture": files, "kind": [index % 2 for index in range(ROWS)]}
    pq.write_table(pa.table(table), folder / "pictures.parquet")


def write_texts(folder: Path) -> None:
    lines = [f'{index},"{"good" if index % 2 else "bad"}, number {index}",{index % 2}' for index in range(ROWS)]
    (folder / "texts.csv").write_text("\n".join(["id,text,positive", *lines]) + "\n")


@pytest.mark.parametrize(("name", "write"), [("pictures_recipe", write_pictures), ("text_recipe", write_texts)])
def test_an_example_has_no_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    shutil.copy(ROOT / "examples" / f"{name}.py", tmp_path)
    params = PARAMS.replace("recipe.py", f"{name}.py").partition("model:")[0]
    (tmp_path / "params.yaml").write_text(params)
    description = check_description(tmp_path / "params.yaml")
    assert description.findings == []
    checked = check_model(description)
    assert checked.findings == []
    assert checked.parameters
