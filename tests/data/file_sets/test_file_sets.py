"""Several files as one table: order, schemas, partitions, hashes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.data.sources.load_table import LoadedTable, load_table
from firelib.project_layout import Paths
from firelib.recipe import CsvDialect, Source
from tests.errors import refused


def load(folder: Path, uri: Any = None, **options: Any) -> LoadedTable:
    paths = Paths("t", str(folder / "storage"), folder)
    return load_table(Source(uri or str(folder / "parts"), **options), paths)


def write(folder: Path, **contents: str) -> None:
    (folder / "parts").mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / "parts" / f"{name}.csv").write_text(content)


def write_parquet(path: Path, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_files_are_concatenated_by_their_names(tmp_path: Path) -> None:
    write(tmp_path, b="id,x\n3,c\n", a="id,x\n1,a\n2,b\n", c="x,id\nd,4\n")
    (tmp_path / "parts/_SUCCESS").touch()
    (tmp_path / "parts/.hidden.csv").write_text("no")
    whole = load(tmp_path)
    assert whole.rows.to_pydict() == {"id": [1, 2, 3, 4], "x": ["a", "b", "c", "d"]}
    for uri in (
        f"{tmp_path}/parts/*.csv",
        f"file://{tmp_path}/parts",
        [f"{tmp_path}/parts/{name}.csv" for name in "abc"],
    ):
        same = load(tmp_path, uri)
        assert (same.rows.to_pydict(), same.sha256) == (whole.rows.to_pydict(), whole.sha256)
    assert load(tmp_path, f"{tmp_path}/parts/[ab].csv").rows.num_rows == 3
    assert load(tmp_path, sha256=whole.sha256).sha256 == whole.sha256
    with refused(what=["0" * 64, whole.sha256], where="parts", remedy="sha256"):
        load(tmp_path, sha256="0" * 64)


def test_the_hash_depends_on_names_and_content(tmp_path: Path) -> None:
    write(tmp_path, a="id\n1\n", b="id\n2\n")
    hashes = [load(tmp_path).sha256]
    (tmp_path / "parts/b.csv").rename(tmp_path / "parts/c.csv")
    hashes.append(load(tmp_path).sha256)
    write(tmp_path, a="id\n3\n")
    hashes.append(load(tmp_path).sha256)
    assert len(set(hashes)) == 3


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("1", "2.5"), "double"),
        (("", "2"), "int64"),
        (("1", "x"), "string"),
        (("True", "x"), "string"),
        (("12345678901234567890", "1"), "string"),
        (("2013-01-01", "2013-01-01 10:00:00"), "timestamp[s]"),
    ],
)
def test_types_are_inferred_from_all_files(tmp_path: Path, values: tuple[str, str], kind: str) -> None:
    """As if the files were one: a file does not get a type of its own."""
    write(tmp_path, **{name: f"id,v\n1,{value}\n" for name, value in zip("ab", values, strict=True)})
    rows = load(tmp_path).rows
    assert str(rows.schema.field("v").type) == kind
    (tmp_path / "one.csv").write_text("id,v\n" + "".join(f"1,{value}\n" for value in values))
    assert rows.to_pydict() == load(tmp_path, str(tmp_path / "one.csv")).rows.to_pydict()


@given(st.lists(st.sampled_from(["1", "-7", "0.5", "", "x", "true", "2013-01-01", "9007199254740993"]), min_size=2))
@settings(max_examples=40)
def test_parts_equal_the_whole(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    folder = tmp_path_factory.mktemp("parts")
    write(folder, **{f"{index:03}": f"id,v\n{index},{value}\n" for index, value in enumerate(values)})
    (folder / "one.csv").write_text("id,v\n" + "".join(f"{index},{value}\n" for index, value in enumerate(values)))
    assert load(folder).rows.equals(load(folder, str(folder / "one.csv")).rows)


def test_a_decimal_comma_in_several_files(tmp_path: Path) -> None:
    write(tmp_path, a="v;w\n1;1\n", b="v;w\n2,5;1\n")
    assert load(tmp_path, csv=CsvDialect(delimiter=";", decimal=",")).rows["v"].to_pylist() == [1.0, 2.5]


def test_a_decimal_comma_leaves_other_texts_alone(tmp_path: Path) -> None:
    """As in one file: a thousands separator makes a text, and the fraction of a time has a point."""
    dialect = CsvDialect(delimiter=";", decimal=",")
    values = [("100", "1.500"), ("2013-01-01", "2013-01-01 10:00:00.5"), ("1,5", "-2e3"), ("7", "2013.01.01")]
    write(
        tmp_path,
        **{name: "a;b;c;d\n" + ";".join(row) + "\n" for name, row in zip("ab", zip(*values, strict=True), strict=True)},
    )
    (tmp_path / "one.csv").write_text("a;b;c;d\n" + "".join(";".join(row) + "\n" for row in zip(*values, strict=True)))
    rows = load(tmp_path, csv=dialect).rows
    assert rows.to_pydict() == load(tmp_path, str(tmp_path / "one.csv"), csv=dialect).rows.to_pydict()
    assert (rows["a"].to_pylist(), rows["c"].to_pylist()) == (["100", "1.500"], [1.5, -2000.0])


def test_other_columns_are_named(tmp_path: Path) -> None:
    write(tmp_path, a="id,x\n1,2\n", b="id,y\n2,3\n", c="id,x\n3,4\n")
    with refused(what=[("x", "b.csv"), ("y", "a.csv", "c.csv")], where="parts", remedy=["union=True", "pattern"]):
        load(tmp_path)
    assert load(tmp_path, union=True).rows.to_pydict() == {"id": [1, 2, 3], "x": [2, None, 4], "y": [None, 3, None]}


def test_other_types_are_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "parts/a.parquet", id=[1], v=pa.array([1], pa.int32()), w=[1], n=pa.nulls(1))
    write_parquet(tmp_path / "parts/b.parquet", id=[2], v=pa.array([2], pa.int64()), w=["x"], n=["x"])
    named = [("v", "int32", "a.parquet", "int64", "b.parquet"), ("w", "int64", "string")]
    with refused(what=named, where="parts", remedy="union=True"):
        load(tmp_path)
    with refused(what=[("w", "int64", "string")], where="parts"):
        load(tmp_path, union=True)
    write_parquet(tmp_path / "parts/b.parquet", id=[2], v=pa.array([2], pa.int64()), w=[2.5], n=["x"])
    rows = load(tmp_path, union=True).rows
    assert rows.to_pydict() == {"id": [1, 2], "v": [1, 2], "w": [1.0, 2.5], "n": [None, "x"]}


def test_numbers_without_a_common_type(tmp_path: Path) -> None:
    write_parquet(tmp_path / "parts/a.parquet", v=[2**53 + 1])
    write_parquet(tmp_path / "parts/b.parquet", v=[0.5])
    with refused(what=[("v", "int64", "double")], where="parts", remedy="types={column: 'string'}") as caught:
        load(tmp_path, union=True)
    assert "union" not in str(caught.value.remedy)
    assert load(tmp_path, types={"v": "string"}).rows["v"].to_pylist() == [str(2**53 + 1), "0.5"]
    with refused(what=["v", "float64"], where="a.parquet"):
        load(tmp_path, types={"v": "float64"})


def test_numbers_of_json_are_integers_in_some_files_only(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.jsonl").write_text('{"v": 1, "w": 1}\n')
    (tmp_path / "parts/b.jsonl").write_text('{"v": 2.5, "w": 2}\n')
    assert load(tmp_path).rows.to_pydict() == {"v": [1.0, 2.5], "w": [1, 2]}
    (tmp_path / "parts/a.jsonl").write_text('{"v": 9007199254740993, "w": 1}\n')
    with refused(what=[("v", "int64", "double")], where="parts"):
        load(tmp_path)


def test_other_formats_are_named(tmp_path: Path) -> None:
    write(tmp_path, a="id\n1\n")
    write_parquet(tmp_path / "parts/b.parquet", id=[2])
    with refused(what=["1 csv", "a.csv", "1 parquet", "b.parquet"], where="parts", remedy="pattern"):
        load(tmp_path)


def test_partitions_become_columns(tmp_path: Path) -> None:
    for year, month in ((2012, "01"), (2013, "__HIVE_DEFAULT_PARTITION__")):
        write_parquet(tmp_path / f"parts/year={year}/month={month}/a.parquet", x=[{"a": [1, 2]}])
    rows = load(tmp_path).rows
    assert rows["x"].to_pylist() == [{"a": [1, 2]}] * 2
    assert rows.select(["year", "month"]).to_pydict() == {"year": [2012, 2013], "month": ["01", None]}
    assert load(tmp_path, partitioned=False).rows.column_names == ["x"]
    assert load(tmp_path, types={"year": "string"}).rows["year"].to_pylist() == ["2012", "2013"]
    file = f"{tmp_path}/parts/year=2012/month=01/a.parquet"
    assert load(tmp_path, file).rows.column_names == ["x"]
    assert load(tmp_path, file, partitioned=True).rows["year"].to_pylist() == [2012]
    assert load(tmp_path, f"{tmp_path}/parts/year=*/month=01/*").rows["year"].to_pylist() == [2012]


def test_partitions_that_do_not_fit(tmp_path: Path) -> None:
    write_parquet(tmp_path / "parts/year=2012/a.parquet", x=[1])
    write_parquet(tmp_path / "parts/b.parquet", x=[1])
    with refused(what=["year=", "b.parquet"], where="parts", remedy="partitioned=False"):
        load(tmp_path)
    write_parquet(tmp_path / "other/a.parquet", x=[1])
    with refused(what="partitioned=True", where="other"):
        load(tmp_path, str(tmp_path / "other"), partitioned=True)
    write_parquet(tmp_path / "twice/year=2012/a.parquet", year=[1])
    with refused(what="year", where="twice"):
        load(tmp_path, str(tmp_path / "twice"))


def test_several_downloads_need_a_hash_each() -> None:
    with refused(what="sha256", where="https://example.org/a.csv"):
        Source(("https://example.org/a.csv", "https://example.org/b.csv"), sha256="0" * 64)
    with refused(what=[2, 1], where="https://example.org/a.csv"):
        Source(("https://example.org/a.csv", "https://example.org/b.csv"), sha256=("0" * 64,))
