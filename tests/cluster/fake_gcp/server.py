"""The stand-in behind HTTP on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.cluster.fake_gcp import (
    accounts,
    compute,
    custom_jobs,
    projects,
    quotas,
    registry,
    secrets,
    services,
    storage,
)
from tests.cluster.fake_gcp.compute import ADDRESS
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found
from tests.cluster.fake_gcp.state import FakeCloud

__all__ = ["ADDRESS", "TOKEN", "fake_cloud"]

TOKEN = "ya29.fake"
SERVICES = {
    "aiplatform": custom_jobs.handle,
    "artifactregistry": registry.handle,
    "cloudresourcemanager": projects.handle,
    "cloudquotas": quotas.handle,
    "compute": compute.handle,
    "iam": accounts.handle,
    "logging": custom_jobs.read_log,
    "openidconnect": projects.who,
    "secretmanager": secrets.handle,
    "serviceusage": services.handle,
    "storage": storage.handle,
}


class _Server(ThreadingHTTPServer):
    """A server that knows its cloud; one request is executed at a time."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud, self.lock = cloud, Lock()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _respond(self) -> None:
        url = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
        request = Request(self.command, url.path, dict(parse_qsl(url.query)), body, parse_qs(url.query))
        with self.server.lock:
            response = self._execute(request)
        if response is None:
            self.close_connection = True
        else:
            self._send(*response)

    def _execute(self, request: Request) -> tuple[int, dict[str, str], Json] | None:
        """Status, headers and body; None if the response is lost."""
        try:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                raise RefusedError(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            fault = self.server.cloud.faults(request)
            if isinstance(fault, RefusedError):
                raise fault
            said = _dispatch(self.server.cloud, request)
        except RefusedError as refusal:
            return refusal.status, refusal.headers, refusal.body(request.service)
        return None if fault == "lost" else (200, {}, said)

    def _send(self, status: int, headers: dict[str, str], said: Json) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815  # http.server's names

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fake_cloud() -> Iterator[FakeCloud]:
    """A cloud without resources, on loopback."""
    cloud = FakeCloud()
    with _Server(cloud) as server:
        cloud.api = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield cloud
        server.shutdown()


def _dispatch(cloud: FakeCloud, request: Request) -> Json:
    if request.service not in SERVICES:
        raise not_found(request.path)
    cloud.pass_time()
    services.require(cloud, request.service)
    return SERVICES[request.service](cloud, request)
