"""The login of `firelib doctor --to vertex`, by Google's own library against a token server on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from firelib.launch.backends.vertex.prerequisites.login import Login, read_login
from tests.errors import refused
from tests.patience import patience


class _TokenServer(ThreadingHTTPServer):
    """Answers with a token, or refuses; or waits until the test is over."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: tuple[int, dict[str, object]] = (200, {"access_token": "ya29.real", "expires_in": 3600})
        self.hangs = threading.Event()
        self.over = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _TokenServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.hangs.is_set():
            self.server.over.wait(patience(60))
        code, body = self.server.answer
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_TokenServer]:
    with _TokenServer() as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.over.set()
        running.shutdown()


@pytest.fixture(autouse=True)
def credentials(tmp_path: Path, server: _TokenServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of application default credentials whose tokens come from the server."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    account = {
        "type": "service_account",
        "client_email": "me@demo-lab.iam.gserviceaccount.com",
        "private_key": key.private_bytes(*formats, serialization.NoEncryption()).decode(),
        "token_uri": f"http://127.0.0.1:{server.server_port}/token",
    }
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    return file


def test_the_token_and_its_quota_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "demo-lab")
    assert read_login({}, patience(20)) == Login("ya29.real", "demo-lab")


def test_a_token_in_the_environment_needs_no_library() -> None:
    assert read_login({"GCP_ACCESS_TOKEN": "ya29.given"}) == Login("ya29.given")
    assert "ya29" not in repr(Login("ya29.given"))


def test_an_expired_login(server: _TokenServer) -> None:
    server.answer = (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    with refused(what=["not logged in", "invalid_grant"], where="application default credentials"):
        read_login({}, patience(20))


def test_a_server_that_hangs(server: _TokenServer) -> None:
    server.hangs.set()
    with refused(what="no response within 0.5 s"):
        read_login({}, 0.5)
