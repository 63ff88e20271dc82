import gzip
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import stamina

from firelib.data.sources.fetch import fetch
from firelib.recipe import Source
from tests.errors import refused

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A server on loopback, and how it misbehaves.

    cut: Answers that end after a third of their bytes. errors: Answers with this status first. ranges: Whether it
    knows them. asked: The range of each request.
    """

    url: str = ""
    content: bytes = CONTENT
    cut: int = 0
    errors: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    behaviour = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers["Range"]
            behaviour.asked.append(asked)
            if behaviour.errors:
                self.answer(behaviour.errors.pop(0), b"trouble")
                return
            body = behaviour.content
            if "gzip" in (self.headers["Accept-Encoding"] or ""):
                self.answer(200, gzip.compress(body), {"Content-Encoding": "gzip"})
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and behaviour.ranges else 0
            if start >= len(body):
                self.answer(416, b"")
            elif start:
                self.answer(206, body[start:], {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"})
            else:
                self.answer(200, body)

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if status in (200, 206) and behaviour.cut:
                behaviour.cut -= 1
                self.wfile.write(body[: len(body) // 3])
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        behaviour.url = f"http://127.0.0.1:{http.server_address[1]}/rows.csv"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield behaviour
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Try again as often as always, without the waits."""
    with stamina.set_testing(True, attempts=4):
        yield


@pytest.fixture
def download(server: Server, tmp_path: Path) -> Callable[[], bytes]:
    def download() -> bytes:
        raw = fetch(Source(server.url, sha256=SHA256), tmp_path / "downloads")
        assert raw.sha256 == SHA256
        return raw.path.read_bytes()

    return download


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (tmp_path / "downloads").iterdir())


def test_a_download_is_kept_for_the_next_time(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    assert download() == CONTENT
    assert download() == CONTENT
    assert server.asked == [None]
    assert kept(tmp_path) == ["rows.csv"]


def test_a_cut_connection_goes_on_where_it_stopped(server: Server, download: Callable[[], bytes]) -> None:
    server.cut = 2
    assert download() == CONTENT
    first, *later = server.asked
    assert first is None
    starts = [int(str(asked).removeprefix("bytes=").removesuffix("-")) for asked in later]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_an_interrupted_run_goes_on_in_the_next(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    server.cut = 100
    with refused(where=server.url, remedy="run the same command"):
        download()
    assert kept(tmp_path) == ["rows.csv.part"]
    server.cut, server.asked = 0, []
    assert download() == CONTENT
    assert server.asked != [None]


def test_a_server_without_ranges_sends_all_anew(server: Server, download: Callable[[], bytes]) -> None:
    server.cut, server.ranges = 1, False
    assert download() == CONTENT


def test_a_whole_part_needs_no_more_bytes(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"{SHA256[:16]}-rows.csv.part").write_bytes(CONTENT)
    assert download() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_trouble_of_the_server_is_waited_out(server: Server, download: Callable[[], bytes]) -> None:
    server.errors = [500, 429, 503]
    assert download() == CONTENT


def test_lasting_trouble_is_said(server: Server, download: Callable[[], bytes]) -> None:
    server.errors = [500] * 9
    with refused(what=500, where=server.url, remedy="run the same command"):
        download()
    assert len(server.asked) == 4


def test_a_file_that_is_not_there_is_asked_for_once(server: Server, download: Callable[[], bytes]) -> None:
    server.errors = [404] * 9
    with refused(what=404, where=server.url, remedy="address"):
        download()
    assert len(server.asked) == 1


def test_another_content_is_refused_and_not_kept(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    server.content = b"something else"
    with refused(what=["sha256", SHA256, hashlib.sha256(b"something else").hexdigest()], where=server.url):
        download()
    assert kept(tmp_path) == []
    server.content = CONTENT
    assert download() == CONTENT


def test_a_damaged_download_is_fetched_again(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    download()
    next((tmp_path / "downloads").iterdir()).write_bytes(b"rot")
    assert download() == CONTENT


def test_a_query_is_no_part_of_the_name(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    server.url += "?token=" + 300 * "x" + "/y"
    assert download() == CONTENT
    assert kept(tmp_path) == ["rows.csv"]


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with refused(where="http://127.0.0.1:9/rows.csv", remedy="run the same command"):
        fetch(Source("http://127.0.0.1:9/rows.csv", sha256=SHA256), tmp_path)


def test_a_file_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    assert fetch(Source(str(path)), tmp_path).sha256 == SHA256
    assert fetch(Source(f"file://{path}", sha256=SHA256.upper()), tmp_path).path == path
    with refused(what=["sha256", SHA256, "0" * 64], where=path, remedy=["hash", "recipe"]):
        fetch(Source(str(path), sha256="0" * 64), tmp_path)
    with refused(what=tmp_path / "nope.csv", where=tmp_path / "nope.csv", remedy="path"):
        fetch(Source(str(tmp_path / "nope.csv")), tmp_path)


def test_a_file_in_a_package_whose_code_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken_package"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('not here')")
    (package / "data" / "rows.csv").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    assert fetch(Source("pkg://broken_package/data/rows.csv"), tmp_path).sha256 == SHA256
    assert "broken_package" not in sys.modules
    with refused(what=package / "nope.csv", where="pkg://broken_package/nope.csv"):
        fetch(Source("pkg://broken_package/nope.csv"), tmp_path)
    with refused(what="no_such_package", where="pkg://no_such_package/rows.csv", remedy="uv add no_such_package"):
        fetch(Source("pkg://no_such_package/rows.csv"), tmp_path)


@pytest.fixture
def packed(tmp_path: Path) -> dict[str, Path]:
    """The same content: plain, and packed in two ways."""
    files = {
        "rows": CONTENT,
        "rows.gz": gzip.compress(CONTENT, 1, mtime=1),
        "other.gz": gzip.compress(CONTENT, mtime=2),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in files}


def test_a_packed_file_is_known_by_what_it_holds(packed: dict[str, Path], tmp_path: Path) -> None:
    of_file = hashlib.sha256(packed["other.gz"].read_bytes()).hexdigest()
    for path in packed.values():
        assert fetch(Source(str(path), sha256=SHA256), tmp_path).sha256 == SHA256
    assert fetch(Source(str(packed["other.gz"]), sha256=of_file), tmp_path).sha256 == SHA256
    with refused(what=["sha256", SHA256, of_file], where=packed["rows.gz"]):
        fetch(Source(str(packed["rows.gz"]), sha256=of_file), tmp_path)


def test_a_packed_download_is_known_by_what_it_holds(server: Server, tmp_path: Path) -> None:
    server.content = gzip.compress(CONTENT)
    raw = fetch(Source(server.url, sha256=SHA256), tmp_path / "downloads")
    assert raw.sha256 == SHA256
    asked = len(server.asked)
    assert fetch(Source(server.url, sha256=SHA256), tmp_path / "downloads") == raw
    assert len(server.asked) == asked


def test_the_folder_comes_first_then_copies_then_the_network(packed: dict[str, Path], tmp_path: Path) -> None:
    def found(folder: Path | None, *copies: str) -> Path:
        return fetch(Source("http://127.0.0.1:9/rows.gz", sha256=SHA256, copies=copies), tmp_path, folder).path

    assert found(tmp_path, str(packed["other.gz"])) == packed["rows.gz"]
    packed["rows.gz"].unlink()
    assert found(tmp_path, str(packed["other.gz"])) == packed["rows"]
    assert found(None, str(tmp_path / "nope"), str(packed["other.gz"])) == packed["other.gz"]
    packed["rows"].write_bytes(b"else")
    with refused(what=["sha256", SHA256, hashlib.sha256(b"else").hexdigest()], where=packed["rows"]):
        found(tmp_path)


def test_a_folder_does_not_change_what_has_no_hash(packed: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "elsewhere" / "rows"
    source.parent.mkdir()
    source.write_bytes(b"mine")
    assert fetch(Source(str(source)), tmp_path, tmp_path).path == source
    with refused(what=[source, "sha256"], remedy="sha256"):
        Source(str(source), copies=("rows",))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with refused(what=tmp_path / "nope", where="FIRELIB_SOURCES"):
        fetch(Source("rows.csv"), tmp_path, tmp_path / "nope")
