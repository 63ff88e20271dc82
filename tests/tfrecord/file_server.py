"""A web server for files that can be slow, fail, and count the bytes that it serves."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread


@dataclass
class FileServer:
    """Settings and log of the server.

    Attributes:
        folder: The folder with the files.
        uri: URI at which they are served.
        ranges: Whether the server supports range requests.
        latency: Seconds before each response.
        failures: Number of the next requests that fail.
        status: Status of failed requests; 0 closes the connection in the middle of the content.
        requests: Method and file of each request.
        served: File, first byte, and the byte after the last of each successful GET.
    """

    folder: Path
    uri: str = ""
    ranges: bool = True
    latency: float = 0.0
    failures: int = 0
    status: int = 503
    requests: list[tuple[str, str]] = field(default_factory=list)
    served: list[tuple[str, int, int]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def bytes_served(self) -> int:
        return sum(stop - start for name, start, stop in self.served if name.endswith(".tfrecord"))

    def fails_now(self) -> bool:
        with self.lock:
            self.failures -= 1
            return self.failures >= 0


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        path = self.server.files.folder / self.path[1:]
        self.server.files.requests.append(("HEAD", path.name))
        self.send_response(200 if path.is_file() else 404)
        self.send_header("Content-Length", str(path.stat().st_size if path.is_file() else 0))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self) -> None:
        files, path = self.server.files, self.server.files.folder / self.path[1:]
        files.requests.append(("GET", path.name))
        time.sleep(files.latency)
        if not path.is_file() or (files.fails_now() and files.status):
            self.send_response(files.status if path.is_file() else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if files.ranges else None
        start, stop = (int(wanted[1]), int(wanted[2]) + 1) if wanted else (0, path.stat().st_size)
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(stop - start)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if files.failures >= 0 and not files.status:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        files.served.append((path.name, start, start + len(content)))
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Be quiet."""


class _Server(ThreadingHTTPServer):
    files: FileServer
    daemon_threads = True


@contextmanager
def serve(folder: Path) -> Iterator[FileServer]:
    """Serve a folder on this machine."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.files = FileServer(folder, f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.files
        server.shutdown()
        thread.join()
