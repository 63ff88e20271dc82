"""Rows to score from folders, patterns, databases, Delta tables and pictures."""

import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from firelib.errors import FirelibError
from firelib.evaluate.input_rows.read import read_rows
from firelib.recipe import Feature, Source
from tests.errors import refused
from tests.evaluate.scored import Scored

FEATURES = (Feature("number", "float32"), Feature("week", "int64"))
ROWS = {"number": [1.5, 2.5], "week": [7, 7]}


def recipe(source: Source) -> Scored:
    return Scored(*FEATURES, sources={"rows": source})


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    for week in (7, 8):
        folder = tmp_path / "parts" / f"week={week}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"number": ROWS["number"]}), folder / "0.parquet")
    return tmp_path / "parts"


@pytest.mark.parametrize(
    ("rows", "weeks"),
    [("", [7, 7, 8, 8]), ("week=7", None), ("week=*/0.parquet", [7, 7, 8, 8]), ("week=8/0.parquet", [8, 8])],
)
@pytest.mark.parametrize("origin", ["", "*/*.parquet"])
def test_partitions(parts: Path, rows: str, weeks: list[int] | None, origin: str) -> None:
    """One part has the columns of its folders, too; a part's folder has none below it."""
    known = recipe(Source(str(parts / origin)))
    if weeks is None:
        with refused(what="week"):
            read_rows(str(parts / rows), known)
    else:
        assert read_rows(str(parts / rows), known).columns["week"].to_pylist() == weeks


def test_a_file_is_no_part_where_the_recipe_names_a_file(parts: Path) -> None:
    with refused(what="week"):
        read_rows(str(parts / "week=7/0.parquet"), recipe(Source(str(parts / "rows.parquet"))))


def test_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "new.db") as database:
        database.execute("create table t (number real, week integer)")
        database.executemany("insert into t values (?, ?)", zip(*ROWS.values(), strict=True))
    known = recipe(Source("sqlite:///train.db", table="t"))
    assert read_rows(f"sqlite:///{tmp_path}/new.db", known).columns.to_pydict() == ROWS


def test_delta(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "new"), pa.table(ROWS))
    known = recipe(Source("train", version=3))  # of another table
    assert read_rows(str(tmp_path / "new"), known).columns.to_pydict() == ROWS


def test_columns_with_declared_types_may_be_absent(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/a.csv").write_text("number,week\n1.5,7\n2.5,7\n")
    known = recipe(Source("train/", types={"up": "int64", "number": "float32"}))
    assert read_rows(str(tmp_path / "new"), known).columns.to_pydict() == ROWS


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures need no folder of their class; broken ones are named."""
    image = pytest.importorskip("PIL.Image")
    image.new("L", (4, 3)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"broken")
    known = Scored(Feature("width", "int64"), sources={"rows": Source("train/", format="images")}, key=("path",))
    for rows in (tmp_path, tmp_path / "a.png"):
        assert read_rows(str(rows), known).columns["width"].to_pylist() == [4]
    assert "b.png" in capsys.readouterr().err
    with refused(what="b.png"):
        read_rows(str(tmp_path / "b.png"), known)


@pytest.mark.parametrize("rows", ["nothing/*.csv", "nothing.csv", "sqlite:///nothing.db"])
def test_what_does_not_exist(rows: str) -> None:
    with pytest.raises(FirelibError, match="nothing"):
        read_rows(rows, recipe(Source("sqlite:///train.db", table="t") if "sqlite" in rows else Source("train/")))


def test_json_holds_rows_also_where_the_source_is_pictures(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('[{"number": 1.5, "week": 7}, {"number": 2.5, "week": 7}]')
    known = recipe(Source(str(tmp_path), format="images"))
    assert read_rows(str(file), known).columns["number"].to_pylist() == ROWS["number"]
