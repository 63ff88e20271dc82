"""What `firelib doctor` says of a Ray cluster: of its dashboard, its address, its version."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from threading import Thread

import pytest

from firelib import doctor
from firelib.doctor import Finding


@contextmanager
def dashboard(status: int, body: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """A server on loopback in the place of Ray's dashboard: its address, and the tokens that it is shown."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(status if self.path == "/api/version" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


def cluster(address: str, variable: str = "FIRELIB_RAY_ADDRESS", **environ: str) -> Finding:
    (finding,) = doctor.check_clusters({variable: address, **environ})
    assert finding.name == f"{variable}={address}"
    return finding


def answer(version: str) -> bytes:
    return json.dumps({"version": "4", "ray_version": version}).encode()


def test_no_cluster_is_named() -> None:
    assert list(doctor.check_clusters({"RAY_ADDRESS": "local", "FIRELIB_RAY_ADDRESS": ""})) == []


def test_the_dashboard_of_a_cluster_with_the_same_ray() -> None:
    with dashboard(200, answer(metadata.version("ray"))) as (address, seen):
        assert cluster(address, RAY_AUTH_TOKEN="secret-value").status == "ok"
    assert seen == ["Bearer secret-value"]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, answer("2.0.0"), "runs Ray 2.0.0, here is"),
        (401, b"", "401"),
        (200, b"<html>", "no Ray dashboard"),
        (200, b"[]", "no Ray dashboard"),
    ],
)
def test_a_cluster_that_will_not_do(status: int, body: bytes, said: str) -> None:
    with dashboard(status, body) as (address, _):
        finding = cluster(address)
    assert finding.status == "error"
    assert said in finding.detail


@pytest.mark.parametrize("scheme", ["http://", "ray://", ""])
def test_nobody_there(scheme: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        finding = cluster(f"{scheme}127.0.0.1:{closed.getsockname()[1]}", "RAY_ADDRESS")
    assert finding.status == "error"
    assert "no answer" in finding.detail


def test_an_address_that_is_none() -> None:
    assert "expected host:port" in cluster("head", "RAY_ADDRESS").detail


@pytest.mark.usefixtures("ray_cluster")
def test_a_real_ray_is_joined() -> None:
    import ray

    finding = cluster(ray.get_runtime_context().gcs_address, "RAY_ADDRESS")
    assert finding.detail == f"answers with Ray {metadata.version('ray')}"
    assert os.environ.get("RAY_ADDRESS") is None
