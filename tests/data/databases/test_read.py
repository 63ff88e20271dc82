"""SQLite and DuckDB: types, order, and statements that write."""

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firelib.data.databases.address import database_file
from firelib.data.databases.query import build_query
from firelib.data.preview import preview_source
from firelib.data.sources.checks import check_source
from firelib.data.sources.load_table import load_table
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.errors import refused

ROWS = [(1, 0.5, "ü", b"\0\1", None), (2, None, None, None, None), (10, 1.0, "x", b"", None)]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("t", str(tmp_path / "storage"), tmp_path)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "a b?#%.db")
    connection.execute("create table t (id integer, x real, text text, data blob, none integer)")
    connection.executemany("insert into t values (?, ?, ?, ?, ?)", reversed(ROWS))
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def sqlite(connection: sqlite3.Connection, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a b?#%.db"


@pytest.fixture
def duck(tmp_path: Path) -> str:
    import duckdb

    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            "create table t as select 10 - range as id, [range, 1] as list, {'a': range} as struct, "
            "(range / 4)::decimal(10, 2) as price, date '2013-01-01' as day, if(range = 0, null, 'ü') as text "
            "from range(3)"
        )
    return f"duckdb:///{tmp_path}/a.duckdb"


def test_a_table_of_sqlite(sqlite: str, paths: Paths) -> None:
    loaded = load_table(Source(sqlite, table="t"), paths)
    assert [tuple(row.values()) for row in loaded.rows.to_pylist()] == ROWS
    assert preview_source(Source(sqlite, table="t"), paths, rows=2).num_rows == 2


def test_a_table_of_duckdb(duck: str, paths: Paths) -> None:
    loaded = load_table(Source(duck, table="main.t", types={"price": "float64"}), paths)
    assert loaded.rows["id"].to_pylist() == [8, 9, 10]
    assert loaded.rows["list"].to_pylist() == [[2, 1], [1, 1], [0, 1]]
    assert loaded.rows["struct"].to_pylist() == [{"a": 2}, {"a": 1}, {"a": 0}]
    assert loaded.rows["price"].to_pylist() == [0.5, 0.25, 0.0]
    assert loaded.rows["text"].to_pylist() == ["ü", "ü", None]
    assert preview_source(Source(duck, table="t"), paths, rows=2).num_rows == 2


def test_the_hash_is_that_of_the_rows(sqlite: str, paths: Paths, connection: sqlite3.Connection) -> None:
    def digest(query: str) -> str:
        return load_table(Source(sqlite, query=query), paths).sha256

    first = digest("select * from t")
    assert digest("select * from t order by id desc;") == first
    connection.execute("update t set x = 2 where id = 1")
    connection.commit()
    assert digest("-- all\nselect * from t") != first
    with refused(what=["sha256", "0" * 64], where=sqlite):
        load_table(Source(sqlite, table="t", sha256="0" * 64), paths)


def test_a_column_of_several_types(sqlite: str, paths: Paths, connection: sqlite3.Connection) -> None:
    """SQLite's columns have no type: the first thousands of rows may be integers."""
    connection.execute("create table m (v)")
    connection.executemany("insert into m values (?)", [*((index,) for index in range(3000)), (0.5,)])
    connection.commit()
    assert str(load_table(Source(sqlite, table="m"), paths).rows.schema.field("v").type) == "double"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((2**53 + 1, 0.5), ["integers", "fractions"]),
        ((3.14159265358979, "n/a"), ["fractions", "text"]),
        ((1, b"\xff"), ["numbers", "blobs"]),
        ((2**53 - 1, 0.5, None), None),
        ((2**53 + 1, "n/a"), None),
        ((b"\xff", "n/a"), None),
    ],
)
def test_values_that_the_driver_would_change(
    connection: sqlite3.Connection, sqlite: str, paths: Paths, values: tuple[Any, ...], words: list[Any] | None
) -> None:
    connection.execute("create table m (id integer, v)")
    connection.executemany("insert into m values (?, ?)", enumerate(values))
    connection.commit()
    for source in (Source(sqlite, table="m"), Source(sqlite, query="select id as a, v as a, v from m -- all")):
        if words is None and source.table:
            stored = load_table(source, paths).rows["v"].to_pylist()
            kind: Any = bytes if bytes in map(type, values) else str if str in map(type, values) else float
            assert stored == [
                None if v is None else v.encode() if (kind, type(v)) == (bytes, str) else kind(v) for v in values
            ]
        elif words is not None:
            with refused(what=[("v", *words)], where=sqlite, remedy="cast"):
                load_table(source, paths)


WRITES = [
    ("delete from t", "delete"),
    ("  /* select */ -- select\n drop table t", "drop"),
    ("with a as (select 1) insert into t(id) select 7", "insert into"),
    ("select 1; delete from t", "delete from"),
    ("select 1; drop table t", "several statements"),
    ("attach 'other.db' as other", "attach"),
    ("pragma query_only = off", "pragma"),
    ("copy t to 'copy.csv'", "copy"),
    ("", "nothing"),
]


@pytest.mark.parametrize(("query", "named"), WRITES)
@pytest.mark.parametrize("kind", ["sqlite", "duck"])
def test_a_query_that_writes_is_refused_by_name(
    kind: str, query: str, named: str, paths: Paths, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    uri = request.getfixturevalue(kind)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for act in (check_source, lambda source: load_table(source, paths)):
        with refused(what=named, where=["query", uri], remedy="query"):
            act(Source(uri, query=query))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_words_in_strings_are_no_statements(sqlite: str, paths: Paths) -> None:
    query = "select 'delete from t; x' as \"insert into\", 1 as id -- ; drop table t"
    assert load_table(Source(sqlite, query=query), paths).rows["insert into"].to_pylist() == ["delete from t; x"]


def test_duckdb_opens_no_other_files(duck: str, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with refused(what="a.csv", where=duck):
        load_table(Source(duck, query=f"select * from read_csv('{tmp_path}/a.csv')"), paths)


def test_what_is_missing_is_known_before_a_row_is_read(sqlite: str, duck: str, tmp_path: Path) -> None:
    for uri in (sqlite, duck):
        with refused(what="gone", where=uri):
            check_source(Source(uri, table="gone"))
        with refused(what=["query=", "table="], where=uri, remedy="table="):
            check_source(Source(uri))
    with refused(what=tmp_path / "gone.db", where="gone.db"):
        check_source(Source(f"sqlite:///{tmp_path}/gone.db", table="t"))
    with refused(what="sqlite://gone.db", remedy="sqlite:///gone.db"):
        check_source(Source("sqlite://gone.db", table="t"))
    (tmp_path / "text.db").write_text("no database" * 100)
    with refused(what="not a database", where="text.db"):
        check_source(Source(f"sqlite:///{tmp_path}/text.db", table="t"))


@pytest.mark.parametrize(("uri", "module"), [("sqlite:///a.db", "adbc_driver_sqlite"), ("duckdb:///a.db", "duckdb")])
def test_without_the_extra(uri: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with refused(what=module, where=uri, remedy="firelib[sql]"):
        check_source(Source(uri, table="t"))


def test_addresses() -> None:
    assert database_file("sqlite:///shop.db") == Path("shop.db")
    assert database_file("duckdb:////data/shop.db") == Path("/data/shop.db")
    assert database_file("postgresql://host/shop") is None
    assert build_query(Source("sqlite:///a.db", table='public.odd"name')) == 'select * from "public"."odd""name"'
