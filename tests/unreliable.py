"""A proxy in front of an emulated object store that fails a share of the requests, as real stores do."""

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_S3_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
_STATUS = {"SlowDown": 503, "InternalError": 500, "AccessDenied": 403, "RequestTimeTooSkewed": 403}
#: Status, headers and content.
Answer = tuple[int, dict[str, str], bytes]
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Unreliable(ThreadingHTTPServer):
    """The proxy.

    Args:
        target: Address of the store, such as `http://127.0.0.1:5000`.
        host: This machine's address where the proxy listens.

    Attributes:
        share: Which part of the requests fails, from 0 to 1.
        error: What a failed request gets: a code of S3, or `drop` for a connection that is closed without an answer.
        path: What the path of a request contains that may fail; empty for all requests.
        after: Whether the store carries a failed request out, so that only its answer is lost.
        failed: Number of requests that failed.
        total: Number of requests.
    """

    daemon_threads = True

    def __init__(self, target: str, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Handler)
        self.target = urlsplit(target)
        self.share, self.error, self.after, self.path = 0.0, "SlowDown", False, ""
        self.failed = self.total = 0
        self._random, self._lock = random.Random(0), threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]}:{self.server_address[1]}"

    def fails(self, path: str) -> bool:
        """Draw whether the next request fails.

        Args:
            path: Its path.
        """
        with self._lock:
            failing = self.path in path and self._random.random() < self.share
            self.total, self.failed = self.total + 1, self.failed + failing
        return failing

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send a request to the store."""
        connection = http.client.HTTPConnection(str(self.target.hostname), self.target.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error of the proxy."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Unreliable

    def log_message(self, *args: object) -> None:
        pass

    def _forward(self) -> None:
        body = self._read_body()
        failing = self.server.fails(self.path)
        if failing and not self.server.after:
            self._fail()
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        status, answered, content = self.server.forward(self.command, self.path, headers, body)
        if failing:
            self._fail()
            return
        self.send_response(status)
        for name, value in answered.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        length = answered.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    def __getattr__(self, name: str) -> object:
        """All methods of HTTP are forwarded: `http.server` looks for `do_GET` and the like."""
        if name.startswith("do_"):
            return self._forward
        raise AttributeError(name)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _fail(self) -> None:
        if self.server.error == "drop":
            self.close_connection = True
            return
        content = b"" if self.command == "HEAD" else _S3_ERROR.format(code=self.server.error).encode()
        self.send_response(_STATUS[self.server.error])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def unreliable(target: str) -> Iterator[Unreliable]:
    """Run a proxy in front of a store.

    Args:
        target: Address of the store.
    """
    with Unreliable(target) as proxy, serve(proxy):
        yield proxy


@contextmanager
def serve(proxy: Unreliable) -> Iterator[None]:
    """Serve requests in a thread for the duration of the block."""
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        proxy.shutdown()
        thread.join()
