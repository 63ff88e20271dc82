"""PostgreSQL: a server of Debian's package, started for these tests on a socket and a port of loopback."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from firelib.data.extract import extract
from firelib.data.preview import preview_source
from firelib.data.sources.checks import check_source
from firelib.data.sources.load_table import load_table
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.errors import refused
from tests.patience import patience
from tests.recipes.tiny import tiny_recipe

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
BIN = os.environ.get("POSTGRES_BIN") or next(
    (str(folder) for folder in INSTALLED if (folder / "initdb").exists()), None
)
PASSWORD = "s3cret word"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(BIN is None, reason="PostgreSQL is missing: apt-get install postgresql, or set POSTGRES_BIN"),
]


def run(command: list[str], folder: Path) -> None:
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root
    subprocess.run(command, cwd=folder, check=True, timeout=patience(60), capture_output=True, **user)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server, whose user `reader` has a password that PGPASSWORD holds."""
    folder = Path("/tmp") / f"firelib-postgres-{os.getpid()}"  # short: the path of a socket has 107 bytes
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        run([f"{BIN}/initdb", "-D", "data", "-U", "admin", "--auth-host=scram-sha-256", "--auth-local=trust"], folder)
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run([f"{BIN}/pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", settings], folder)
        try:
            sql = (
                f"create role reader login password '{PASSWORD}'; create table t (id int, x float, text text, "
                "price numeric(10, 2), day date, at timestamptz, flag bool, list int[]); "
                "insert into t select i, i / 4.0, "
                "case when i > 1 then 'ü' end, i, date '2013-01-01', timestamptz '2013-01-01 00:00+00', true, array[i] "
                "from generate_series(3, 1, -1) i; grant all on t to reader; "
                "create function grow() returns int language sql as 'insert into t (id) values (9) returning id';"
            )
            run([f"{BIN}/psql", "-h", str(folder), "-p", str(port), "-U", "admin", "-c", sql, "postgres"], folder)
            yield f"postgresql://reader@127.0.0.1:{port}/postgres"
        finally:
            run([f"{BIN}/pg_ctl", "stop", "-m", "immediate", "-D", "data"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("tiny", str(tmp_path / "storage"), tmp_path)


def test_types(server: str, paths: Paths) -> None:
    source = Source(server, table="public.t", types={"price": "decimal(10, 2)"})
    check_source(source)
    rows = load_table(source, paths).rows
    assert rows["id"].to_pylist() == [1, 2, 3]
    assert rows["x"].to_pylist() == [0.25, 0.5, 0.75]
    assert rows["text"].to_pylist() == [None, "ü", "ü"]
    assert [str(value) for value in rows["price"].to_pylist()] == ["1.00", "2.00", "3.00"]
    assert rows["list"].to_pylist() == [[1], [2], [3]]
    assert [str(rows.schema.field(name).type) for name in ("day", "at", "flag")] == [
        "date32[day]",
        "timestamp[us, tz=UTC]",
        "bool",
    ]
    assert preview_source(source, paths, rows=2).num_rows == 2


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("with gone as (delete from t returning *) select * from gone", "delete from"),
        ("select nextval('s')", "s"),
        ("select grow()", "read-only"),
        ("select 1; select 2", "several statements"),
    ],
)
def test_a_query_that_writes(server: str, paths: Paths, query: str, named: str) -> None:
    with refused(what=named, where=server):
        load_table(Source(server, query=query), paths)
    assert load_table(Source(server, query="select count(*) as n from t"), paths).rows["n"].to_pylist() == [3]


def test_no_large_object_remains(server: str, paths: Paths) -> None:
    """Before version 16, PostgreSQL writes large objects in a read-only transaction, too: it is rolled back."""
    with suppress(FirelibError):
        load_table(Source(server, query="select lo_create(0) as n"), paths)
    query = "select count(*) as n from pg_largeobject_metadata"
    assert load_table(Source(server, query=query), paths).rows["n"].to_pylist() == [0]


def test_passwords_are_not_shown(server: str, paths: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"t": Source(server, query="select id, x from t")}  # type: ignore[misc]
    extract(recipe, paths)
    assert PASSWORD not in paths.lake_json.read_text()
    monkeypatch.setenv("PGPASSWORD", "another secret")
    with refused(what="connect", where=server, remedy="PGPASSWORD") as caught:
        load_table(Source(server, table="t"), paths)
    assert "another secret" not in str(caught.value)
    for uri in (server.replace("reader@", "reader:hidden1@"), f"{server}?password=hidden1"):
        with refused(what="password", remedy="PGPASSWORD") as caught:
            Source(uri, table="t")
        assert "hidden1" not in str(caught.value)


def test_a_service_file(server: str, paths: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    port = server.rpartition(":")[2].partition("/")[0]
    (tmp_path / "services").write_text(f"[shop]\nhost=127.0.0.1\nport={port}\nuser=reader\ndbname=postgres\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    assert load_table(Source("postgresql:///?service=shop", table="t"), paths).rows.num_rows == 3


def test_a_table_that_vanished(server: str) -> None:
    with refused(what="gone", where=server):
        check_source(Source(server, table="gone"))
