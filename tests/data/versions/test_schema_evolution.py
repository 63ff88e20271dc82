"""A source whose content changes: which columns may differ."""

from pathlib import Path

import pytest

from firelib.data.extract import ensure_lake, extract
from firelib.data.lake import read_lake
from firelib.data.tables import read_table
from firelib.project_layout import Paths
from firelib.recipe import Feature, Recipe, Source
from tests.errors import refused
from tests.recipes.tiny import project, tiny_recipe

FIRST = "month,id,size\n1,1,5\n1,2,6\n"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return project(tmp_path)[1]


def recipe_of(folder: Path, uri: str = "t.csv", **options: object) -> Recipe:
    recipe = tiny_recipe(folder)
    source = Source(str(folder / uri), commit_by=("month",), **options)  # type: ignore[arg-type]
    recipe.sources = {"t": source}  # type: ignore[misc]
    return recipe


def write(folder: Path, text: str) -> None:
    (folder / "t.csv").write_text(text)


@pytest.mark.parametrize(
    ("more", "kind"), [("2,3,n/a\n", "string"), ("2,3,0.5\n", "float64"), ("2,3,true\n", "string")]
)
def test_another_type_is_refused_until_it_is_declared(tmp_path: Path, paths: Paths, more: str, kind: str) -> None:
    write(tmp_path, FIRST)
    before = extract(recipe_of(tmp_path), paths)
    write(tmp_path, FIRST + more)
    with refused(what=["t", "size", "int64"], where="t.csv", remedy=["types", "size", kind]):
        extract(recipe_of(tmp_path), paths)
    assert read_lake(paths.lake_json) == before, "a refused extract changes nothing"
    assert [path.name for path in Path(paths.lake).iterdir()] == ["t"]
    after = extract(recipe_of(tmp_path, types={"size": kind}), paths)
    assert after.tables["t"].columns["size"] != "int64"


def test_floats_that_are_whole_numbers_this_time_stay_floats(tmp_path: Path, paths: Paths) -> None:
    """As int64, the next fraction would be refused again."""
    write(tmp_path, "month,id,size\n1,1,0.5\n")
    extract(recipe_of(tmp_path), paths)
    write(tmp_path, "month,id,size\n1,1,5\n")
    with refused(what=["size", "double", "int64"], remedy=["types", "size", "float64"]):
        extract(recipe_of(tmp_path), paths)
    assert extract(recipe_of(tmp_path, types={"size": "float64"}), paths).tables["t"].columns["size"] == "double"


def test_all_columns_with_another_type_are_named(tmp_path: Path, paths: Paths) -> None:
    write(tmp_path, FIRST)
    extract(recipe_of(tmp_path), paths)
    write(tmp_path, f"{FIRST}2,x,y\n")
    with refused(what=[("id", "int64", "string"), ("size", "int64", "string")]):
        extract(recipe_of(tmp_path), paths)


def test_a_new_column_is_accepted_and_null_in_earlier_rows(
    tmp_path: Path, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "1.csv").write_text(FIRST)
    recipe = recipe_of(tmp_path, "parts", union=True)
    extract(recipe, paths)
    (folder / "2.csv").write_text("month,id,size,gate\n2,3,7,B4\n")
    lake = extract(recipe, paths)
    assert "'gate' (string)" in capsys.readouterr().err
    assert lake.tables["t"].columns["gate"] == "string"
    rows = read_table(f"{paths.lake}/t", 1).compute(scheduler="sync").sort_values("id")
    assert rows["gate"].isna().tolist() == [True, True, False]
    assert rows["size"].tolist() == [5, 6, 7]


def test_a_new_field_of_objects_is_accepted_and_another_type_refused(
    tmp_path: Path, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    first = '{"month": 1, "id": 1, "geo": {"city": "Oslo", "x": 1}}\n'
    (tmp_path / "t.jsonl").write_text(first)
    recipe = recipe_of(tmp_path, "t.jsonl")
    extract(recipe, paths)
    (tmp_path / "t.jsonl").write_text(f'{first}{{"month": 2, "id": 2, "geo": {{"zip": "a", "at": {{"y": 2}}}}}}\n')
    extract(recipe, paths)
    noted = capsys.readouterr().err
    assert "'geo.zip' (string)" in noted
    assert "'geo.at' (struct<y: int64>)" in noted
    (tmp_path / "t.jsonl").write_text(
        f'{first}{{"month": 2, "id": 2, "geo": {{"x": "b"}}}}\n'.replace('"x": 1', '"x": "a"')
    )
    with refused(what=[("geo.x", "int64", "string")], where="t.jsonl", remedy="lake.json"):
        extract(recipe, paths)
    paths.lake_json.unlink()
    assert extract(recipe, paths).tables["t"].rows == 2


def test_a_column_that_is_gone_is_noted(tmp_path: Path, paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, FIRST)
    extract(recipe_of(tmp_path), paths)
    write(tmp_path, "month,id\n1,1\n1,2\n")
    extract(recipe_of(tmp_path), paths)
    assert "'size' (int64) is gone" in capsys.readouterr().err


def test_declarations_may_change_types_of_the_same_content(tmp_path: Path, paths: Paths) -> None:
    write(tmp_path, FIRST)
    extract(recipe_of(tmp_path, types={"size": "string"}), paths)
    assert extract(recipe_of(tmp_path), paths).tables["t"].columns["size"] == "int64"


def test_a_feature_of_text_declares_its_column(tmp_path: Path, paths: Paths) -> None:
    write(tmp_path, FIRST)
    extract(recipe_of(tmp_path), paths)
    write(tmp_path, f"{FIRST}2,3,n/a\n")
    recipe = recipe_of(tmp_path)
    recipe.features = (Feature("size", "string"),)  # type: ignore[misc]
    assert extract(recipe, paths).tables["t"].columns["size"] == "string"


def test_a_pinned_lake_is_not_rebuilt_with_other_types(tmp_path: Path, paths: Paths) -> None:
    from firelib.storage import remove_folder

    write(tmp_path, FIRST)
    extract(recipe_of(tmp_path), paths)
    remove_folder(paths.lake)
    write(tmp_path, f"{FIRST}2,3,n/a\n")
    with refused(what=["size", "int64", "string"], where="t.csv"):
        ensure_lake(recipe_of(tmp_path), paths)
