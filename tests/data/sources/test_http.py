import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import stamina

from firelib.recipe import Source
from tests.data.sources.fetching import fetch
from tests.errors import refused

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A server on loopback, and its faults.

    Attributes:
        url: URL of its only file.
        content: Content of the file.
        cut: Number of responses that end after a third of their bytes.
        errors: Status codes of the first responses.
        ranges: Whether it supports range requests.
        asked: The `Range` header of each request.
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
                self.answer(behaviour.errors.pop(0), b"error")
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
def no_waits() -> Iterator[None]:
    """Retry as often as usual, without waiting."""
    with stamina.set_testing(True, attempts=4):
        yield


@pytest.fixture
def download(server: Server, tmp_path: Path) -> Callable[[], bytes]:
    def download() -> bytes:
        raw = fetch(Source(server.url, sha256=SHA256), tmp_path / "downloads")
        assert raw.sha256 == SHA256
        return raw.path.read_bytes()

    return download


def downloaded(tmp_path: Path) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (tmp_path / "downloads").iterdir())


def test_a_download_is_reused(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    assert download() == CONTENT
    assert download() == CONTENT
    assert server.asked == [None]
    assert downloaded(tmp_path) == ["rows.csv"]


def test_a_cut_connection_is_resumed(server: Server, download: Callable[[], bytes]) -> None:
    server.cut = 2
    assert download() == CONTENT
    first, *later = server.asked
    assert first is None
    starts = [int(str(asked).removeprefix("bytes=").removesuffix("-")) for asked in later]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_the_next_run_resumes_a_download(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    server.cut = 100
    with refused(where=server.url, remedy="run the same command"):
        download()
    assert downloaded(tmp_path) == ["rows.csv.part"]
    server.cut, server.asked = 0, []
    assert download() == CONTENT
    assert server.asked != [None]


def test_a_server_without_ranges_sends_the_whole_file_again(server: Server, download: Callable[[], bytes]) -> None:
    server.cut, server.ranges = 1, False
    assert download() == CONTENT


def test_a_complete_part_is_not_downloaded_again(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"{SHA256[:16]}-rows.csv.part").write_bytes(CONTENT)
    assert download() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_transient_server_errors_are_retried(server: Server, download: Callable[[], bytes]) -> None:
    server.errors = [500, 429, 503]
    assert download() == CONTENT


def test_permanent_server_errors_are_reported(server: Server, download: Callable[[], bytes]) -> None:
    server.errors = [500] * 9
    with refused(what=500, where=server.url, remedy="run the same command"):
        download()
    assert len(server.asked) == 4


def test_a_missing_file_is_requested_once(server: Server, download: Callable[[], bytes]) -> None:
    server.errors = [404] * 9
    with refused(what=404, where=server.url, remedy="address"):
        download()
    assert len(server.asked) == 1


def test_other_content_is_refused_and_removed(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    server.content = b"something else"
    with refused(what=["sha256", SHA256, hashlib.sha256(b"something else").hexdigest()], where=server.url):
        download()
    assert downloaded(tmp_path) == []
    server.content = CONTENT
    assert download() == CONTENT


def test_a_damaged_download_is_fetched_again(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    download()
    next((tmp_path / "downloads").iterdir()).write_bytes(b"rot")
    assert download() == CONTENT


def test_the_query_is_not_part_of_the_name(server: Server, download: Callable[[], bytes], tmp_path: Path) -> None:
    server.url += "?token=" + 300 * "x" + "/y"
    assert download() == CONTENT
    assert downloaded(tmp_path) == ["rows.csv"]


def test_an_unreachable_server_is_reported(tmp_path: Path) -> None:
    with refused(where="http://127.0.0.1:9/rows.csv", remedy="run the same command"):
        fetch(Source("http://127.0.0.1:9/rows.csv", sha256=SHA256), tmp_path)


def test_a_compressed_download_is_identified_by_its_content(server: Server, tmp_path: Path) -> None:
    server.content = gzip.compress(CONTENT)
    raw = fetch(Source(server.url, sha256=SHA256), tmp_path / "downloads")
    assert raw.sha256 == SHA256
    asked = len(server.asked)
    assert fetch(Source(server.url, sha256=SHA256), tmp_path / "downloads") == raw
    assert len(server.asked) == asked
