import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread

import pytest

from firelib.doctor import ray_checks
from firelib.doctor.finding import Finding
from tests.full_disk import small_disk


@contextmanager
def dashboard(status: int, body: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """Serve a fake Ray dashboard on loopback; yield its address, and the tokens that it receives."""
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
    (finding,) = ray_checks.check_clusters({variable: address, **environ})
    assert finding.name == f"{variable}={address}"
    return finding


def answer(version: str) -> bytes:
    return json.dumps({"version": "4", "ray_version": version}).encode()


def test_no_cluster_in_the_environment() -> None:
    assert list(ray_checks.check_clusters({"RAY_ADDRESS": "local", "FIRELIB_RAY_ADDRESS": ""})) == []


def test_dashboard_of_a_cluster_with_the_same_ray() -> None:
    with dashboard(200, answer(metadata.version("ray"))) as (address, seen):
        assert cluster(address, RAY_AUTH_TOKEN="secret-value").status == "ok"
    assert seen == ["Bearer secret-value"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, answer("2.0.0"), "2.0.0"), (401, b"", "401"), (200, b"<html>", "dashboard"), (200, b"[]", "dashboard")],
    ids=["other version", "unauthorized", "not JSON", "other JSON"],
)
def test_unusable_cluster(status: int, body: bytes, expected: str) -> None:
    with dashboard(status, body) as (address, _):
        finding = cluster(address)
    assert finding.status == "error"
    assert expected in finding.detail


@pytest.mark.parametrize("scheme", ["http://", "ray://", ""])
def test_closed_port(scheme: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        finding = cluster(f"{scheme}127.0.0.1:{closed.getsockname()[1]}", "RAY_ADDRESS")
    assert finding.status == "error"
    assert "no response" in finding.detail


def test_invalid_address() -> None:
    assert "expected host:port" in cluster("head", "RAY_ADDRESS").detail


@pytest.mark.usefixtures("ray_cluster")
def test_running_cluster_is_joined() -> None:
    import ray

    finding = cluster(ray.get_runtime_context().gcs_address, "RAY_ADDRESS")
    assert finding.status == "ok"
    assert metadata.version("ray") in finding.detail
    assert os.environ.get("RAY_ADDRESS") is None


def test_session_folder() -> None:
    assert ray_checks.check_session_folder("/tmp") == Finding("Ray's sessions", "ok", "/tmp")
    assert "link" in ray_checks.check_session_folder(f"/tmp/{'x' * 100}").detail
    assert ray_checks.check_session_folder("/proc/1").status == "warning"


def test_shared_memory(tmp_path: Path) -> None:
    assert "shm-size" in str(ray_checks.check_shared_memory(tmp_path / "nowhere").remedy)
    with small_disk(tmp_path / "shm", 1024):
        assert ray_checks.check_shared_memory(tmp_path / "shm").status == "warning"


def test_port_in_use() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        finding = ray_checks.check_port(port, "Ray's head")
        assert finding.status == "warning"
        assert finding.name == f"port {port}"
        assert "in use" in finding.detail
    assert ray_checks.check_port(port, "Ray's head").status == "ok"


def write_token(home: Path, content: str, mode: int) -> Path:
    file = home / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text(content)
    file.chmod(mode)
    return file


def test_token_readable_by_other_users(tmp_path: Path) -> None:
    file = write_token(tmp_path, "secret-value", 0o644)
    finding = ray_checks.check_token({}, tmp_path)
    assert finding.status == "warning"
    assert "mode 644" in finding.detail
    assert finding.remedy == f"chmod 600 {file}"


@pytest.mark.parametrize(("content", "status"), [("secret-value", "ok"), ("\n", "error")], ids=["private", "empty"])
def test_token_file(tmp_path: Path, content: str, status: str) -> None:
    write_token(tmp_path, content, 0o600)
    assert ray_checks.check_token({}, tmp_path).status == status


@pytest.mark.parametrize(
    ("environ", "status"),
    [({}, "ok"), ({"RAY_AUTH_MODE": "token"}, "error"), ({"RAY_ADDRESS": "head:6379"}, "error")],
)
def test_missing_token(tmp_path: Path, environ: dict[str, str], status: str) -> None:
    assert ray_checks.check_token(environ, tmp_path).status == status


def test_token_from_other_sources(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("secret-value")
    (tmp_path / "mine").chmod(0o600)
    assert ray_checks.check_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "mine")}, tmp_path).status == "ok"
    assert ray_checks.check_token({"RAY_AUTH_TOKEN": "secret-value"}, tmp_path / "none").status == "ok"


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, "ok"),
        ({"RAY_AUTH_MODE": "token"}, "ok"),
        ({"RAY_AUTH_MODE": "disabled"}, "warning"),
        ({"FIRELIB_RAY_ADDRESS": "http://head:8265"}, "warning"),
    ],
)
def test_auth_mode(environ: dict[str, str], status: str) -> None:
    assert ray_checks.check_auth_mode(environ).status == status


def test_training_ports_are_named_with_their_risk(tmp_path: Path) -> None:
    (tmp_path / "range").write_text("40000\t50000\n")
    detail = ray_checks.check_training_ports(tmp_path / "range").detail
    assert "40000 to 50000" in detail
    assert "without authentication" in detail
    assert "above 1023" in ray_checks.check_training_ports(tmp_path / "missing").detail
