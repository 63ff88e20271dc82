import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from firelib.dvc_pipeline import remote_state, source_states
from firelib.dvc_pipeline.source_changes import SourceChanges
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source
from tests.patience import patience

Check = Callable[[], list[str]]


class Two(Recipe):
    name = "two"
    sources: Mapping[str, Source] = {
        "near": Source("near.csv"),
        "far": Source("other://far.csv"),
        "kept": Source("k", "a" * 64),
    }


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a recipe whose lake.json holds the hashes of the sources' content now."""
    from firelib.data.lake import Lake, TableRecord
    from firelib.storage import sha256_content

    (tmp_path / "near.csv").write_text("a\n1\n")
    recipe, paths = Two(), Paths("two", str(tmp_path / "storage"), tmp_path)
    digest = sha256_content(tmp_path / "near.csv")
    record = TableRecord(source="", sha256=digest, columns={}, rows=0, version=0, commits=())
    Lake(recipe="two", tables=dict.fromkeys(recipe.sources, record)).write(paths.lake_json)
    return lambda: SourceChanges(recipe, paths, tmp_path / "remembered.json").find()


def test_changed_file_is_found_by_its_hash(tmp_path: Path, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    assert check() == []
    assert "far" in capsys.readouterr().err
    (tmp_path / "near.csv").write_text("a\n2\n")
    assert check() == ["near"]
    assert check() == ["near"]
    (tmp_path / "near.csv").write_text("a\n1\n")
    assert check() == []


def test_file_is_hashed_only_if_its_state_differs(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    original = source_states.hash_raw_file
    monkeypatch.setattr(source_states, "hash_raw_file", lambda file: hashed.append(file) or original(file))
    for _ in range(2):
        assert check() == []
        assert len(hashed) == 1
    os.utime(tmp_path / "near.csv", ns=(1, 1))
    assert check() == []
    assert len(hashed) == 2


@pytest.mark.parametrize("remembered", ["", "[]", "{"], ids=["empty", "list", "torn"])
def test_what_was_remembered_is_damaged(tmp_path: Path, check: Check, remembered: str) -> None:
    (tmp_path / "remembered.json").write_text(remembered)
    assert check() == []


def test_missing_file_is_not_checked(tmp_path: Path, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "near.csv").unlink()
    assert check() == []
    assert "near" in capsys.readouterr().err


class Tagged(SimpleHTTPRequestHandler):
    """Serves files with an ETag, as most servers do; without `.csv`, only with a time of modification."""

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.suffix == ".csv" and path.is_file():
            self.send_header("ETag", f'"{hash(path.read_bytes())}"')
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Be quiet."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for answers as long as a busy machine needs."""
    monkeypatch.setattr(remote_state, "_SECONDS", patience(20))


@pytest.fixture
def server(tmp_path: Path, patient: None) -> Iterator[str]:
    """Address of a server for the files of the project."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Tagged, directory=str(tmp_path))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def remote(folder: Path, **sources: Source) -> SourceChanges:
    """Begin a check of sources whose content is that of lake.json."""
    from firelib.data.lake import Lake, TableRecord

    recipe, paths = Two(), Paths("two", str(folder / "storage"), folder)
    recipe.sources = sources
    record = TableRecord(source="", sha256="a" * 64, columns={}, rows=0, version=0, commits=())
    Lake(recipe="two", tables=dict.fromkeys(sources, record)).write(paths.lake_json)
    return SourceChanges(recipe, paths, folder / "remembered.json")


@pytest.mark.parametrize("name", ["far.csv", "far"], ids=["tag", "time"])
def test_changed_file_on_a_server_is_named(
    tmp_path: Path, server: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its content is declared, so nothing runs again."""
    (tmp_path / name).write_text("a\n1\n")
    source = Source(f"{server}/{name}", sha256="a" * 64)
    for noted in ("no earlier state", ""):
        assert remote(tmp_path, far=source).find() == []
        said = capsys.readouterr().err
        assert ("far" in said) == bool(noted)
        assert noted in said
    (tmp_path / name).write_text("a\n2\n")
    os.utime(tmp_path / name, (1, 1))
    for _ in range(2):
        assert remote(tmp_path, far=source).find() == []
        assert source.uri in capsys.readouterr().err


def test_state_before_an_extract_is_remembered(tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that changes while it is extracted has changed since."""
    (tmp_path / "far.csv").write_text("a\n1\n")
    source = Source(f"{server}/far.csv", sha256="a" * 64)
    began = remote(tmp_path, far=source)
    began._states.wait()
    (tmp_path / "far.csv").write_text("a\n2\n")
    began.remember()
    remote(tmp_path, far=source).find()
    assert source.uri in capsys.readouterr().err
    remote(tmp_path, far=source).remember()
    remote(tmp_path, far=source).find()
    assert source.uri not in capsys.readouterr().err


def test_servers_that_do_not_answer_are_not_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One refuses connections, one accepts them and is silent, all at the same time."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        ports = {"silent": silent.getsockname()[1], "closed": closed.getsockname()[1]}
        closed.close()
        sources = {
            f"{kind}{index}": Source(f"http://127.0.0.1:{port}/{index}.csv", sha256="a" * 64)
            for kind, port in ports.items()
            for index in range(4)
        }
        began = time.monotonic()
        assert remote(tmp_path, **sources).find() == []
        assert time.monotonic() - began < patience(4)
    said = capsys.readouterr().err
    assert all(source.uri in said for source in sources.values())


def test_changed_object_in_a_bucket_is_found(tmp_path: Path, bucket: str, patient: None) -> None:
    import fsspec

    uri = f"{bucket}/rows.csv"
    fs, path = fsspec.core.url_to_fs(uri)
    fs.pipe_file(path, b"a\n1\n")
    assert remote(tmp_path, far=Source(uri)).find() == []
    fs.pipe_file(path, b"a\n2\n")
    assert remote(tmp_path, far=Source(uri)).find() == ["far"]
    remote(tmp_path, far=Source(uri)).remember()
    assert remote(tmp_path, far=Source(uri)).find() == []


def extracted(folder: Path, source: Source) -> SourceChanges:
    """Begin a check of a source of which lake.json has the hash that its files have now."""
    from firelib.data.lake import Lake, TableRecord
    from firelib.data.sources.load_table import load_table

    recipe, paths = Two(), Paths("two", str(folder / "storage"), folder)
    recipe.sources = {"rows": source}
    if not paths.lake_json.exists():
        sha256 = load_table(source, paths).sha256
        record = TableRecord(source="", sha256=sha256, columns={}, rows=0, version=0, commits=())
        Lake(recipe="two", tables={"rows": record}).write(paths.lake_json)
    return SourceChanges(recipe, paths, folder / "remembered.json")


@pytest.mark.parametrize("pattern", ["", "/*.csv"])
def test_changed_folders_are_found(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.csv").write_text("x\n1\n")
    source = Source(f"{tmp_path}/parts{pattern}")
    assert extracted(tmp_path, source).find() == []
    os.utime(tmp_path / "parts/a.csv", (1, 1))
    assert extracted(tmp_path, source).find() == []
    (tmp_path / "parts/b.csv").write_text("x\n2\n")
    assert extracted(tmp_path, source).find() == ["rows"]
    (tmp_path / "parts/b.csv").unlink()
    assert extracted(tmp_path, source).find() == []


def test_changed_databases_tables_and_pictures_are_found(tmp_path: Path) -> None:
    import sqlite3

    import pyarrow as pa
    from deltalake import write_deltalake
    from PIL import Image

    def change() -> None:
        connection = sqlite3.connect(tmp_path / "a.db")
        connection.execute("create table if not exists t as select 1 as x")
        connection.execute("insert into t values (2)")
        connection.commit()
        connection.close()
        write_deltalake(str(tmp_path / "delta"), pa.table({"x": [1]}), mode="append")
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p/list.csv").write_text("file\na.png\n")
        Image.effect_noise((9, 9), 50).save(tmp_path / "p/a.png")

    change()
    sources = (
        Source(f"sqlite:///{tmp_path}/a.db", table="t"),
        Source(str(tmp_path / "delta")),
        Source(str(tmp_path / "p/list.csv"), images="file"),
    )
    for source in sources:
        (tmp_path / "data/two/lake.json").unlink(missing_ok=True)
        extracted(tmp_path, source).remember()
        assert extracted(tmp_path, source).find() == []
        change()
        assert extracted(tmp_path, source).find() == ["rows"]
        assert extracted(tmp_path, source).find() == ["rows"]  # until it has been extracted
        extracted(tmp_path, source).remember()
        assert extracted(tmp_path, source).find() == []


def test_database_servers_are_not_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str], patient: None) -> None:
    assert remote(tmp_path, far=Source("postgresql://127.0.0.1:1/shop", table="t")).find() == []
    assert "postgresql://127.0.0.1:1/shop" in capsys.readouterr().err


def test_state_of_pictures_is_that_of_the_named_files(tmp_path: Path) -> None:
    """A table in the project's folder: other files, such as outputs of the pipeline, are no part of the state."""
    (tmp_path / "set").mkdir()
    (tmp_path / "list.csv").write_text("file,y\nset/a.png,1\nset/missing.png,0\n")
    (tmp_path / "set/a.png").write_bytes(b"a")
    source = Source("list.csv", images="file")
    before = source_states.read_state(source, tmp_path)
    (tmp_path / "set/b.png").write_bytes(b"b")
    (tmp_path / "metrics.json").write_text("{}")
    assert source_states.read_state(source, tmp_path) == before is not None
    (tmp_path / "set/a.png").write_bytes(b"ab")
    changed = source_states.read_state(source, tmp_path)
    (tmp_path / "set/missing.png").write_bytes(b"c")
    assert len({str(state) for state in (before, changed, source_states.read_state(source, tmp_path))}) == 3
