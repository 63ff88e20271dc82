from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from firelib.data.extract import extract
from firelib.data.lake import read_lake
from firelib.data.preview import preview_source
from firelib.data.sources.checks import check_source
from firelib.data.sources.load_table import load_table
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.errors import refused
from tests.recipes.tiny import tiny_recipe


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("tiny", str(tmp_path / "storage"), tmp_path)


@pytest.fixture
def table(tmp_path: Path) -> str:
    uri = str(tmp_path / "others")
    write_deltalake(uri, pa.table({"id": [3, 1], "day": ["b", "a"], "text": ["ü", None]}), partition_by=["day"])
    write_deltalake(uri, pa.table({"id": [2], "day": ["a"], "text": ["x"]}), mode="append")
    return uri


def test_versions(table: str, paths: Paths) -> None:
    newest = load_table(Source(table), paths)
    assert newest.rows.to_pydict() == {"id": [1, 2, 3], "day": ["a", "a", "b"], "text": [None, "x", "ü"]}
    assert newest.version == 1
    pinned = load_table(Source(f"delta+file://{table}", version=0), paths)
    assert (pinned.version, pinned.rows["id"].to_pylist()) == (0, [1, 3])
    assert preview_source(Source(table), paths, rows=2).num_rows == 2
    with refused(what="version 7", where=table, remedy="version"):
        check_source(Source(table, version=7))


def test_the_hash_does_not_depend_on_the_files(table: str, paths: Paths) -> None:
    first = load_table(Source(table), paths)
    DeltaTable(table).optimize.compact()
    second = load_table(Source(table), paths)
    assert (second.sha256, second.version) == (first.sha256, 2)


def test_lake_json_records_the_version(table: str, paths: Paths, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"t": Source(table)}  # type: ignore[misc]
    extract(recipe, paths)
    assert read_lake(paths.lake_json).tables["t"].source_version == 1


def test_a_table_that_is_gone(tmp_path: Path) -> None:
    with refused(what="Delta", where="gone"):
        check_source(Source(f"delta+file://{tmp_path}/gone"))
