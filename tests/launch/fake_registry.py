"""An image registry on loopback with the part of the OCI distribution API that `docker push` needs."""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.http_server import http_server

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests)/(?P<reference>[^/]*)")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    types: dict[str, str]
    login: str

    def parse_request(self) -> bool:
        return super().parse_request() and self._check_login()

    def log_message(self, *_: object) -> None:
        pass

    def _check_login(self) -> bool:
        """Refuse to take anything from a client that is not logged in. Without `/v2/`, it would not offer its login."""
        is_public = self.command in ("GET", "HEAD") and self.path != "/v2/"
        expected = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if not self.login or is_public or self.headers.get("Authorization") == expected:
            return True
        self.close_connection = True  # the body of the request is not read
        self._reply(401, b'{"errors": [{"code": "UNAUTHORIZED"}]}', **{"WWW-Authenticate": 'Basic realm="lab"'})
        return False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        found = _PATH.fullmatch(urlsplit(self.path).path)
        if not found:
            return self._reply(200 if self.path == "/v2/" else 404)
        file = self._file(found["name"], found["reference"])
        if not file.is_file():
            return self._reply(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
        kind = self.types.get(file.name, "application/octet-stream")
        return self._send_file(file, kind)

    def do_POST(self) -> None:
        """Begin an upload."""
        self._reply(202, Location=f"{self.path.rstrip('/')}/{uuid.uuid4().hex}", Range="0-0")

    def do_PATCH(self) -> None:
        """Receive a part of a blob."""
        size = self._body(self._upload())
        self._reply(202, Location=self.path, Range=f"0-{size - 1}")

    def do_PUT(self) -> None:
        """Receive the end of a blob, or a manifest."""
        parts = urlsplit(self.path)
        found = _PATH.fullmatch(parts.path)
        assert found
        upload = self._upload()
        self._body(upload)
        digest = f"sha256:{_sha256(upload)}"
        asked = parse_qs(parts.query).get("digest", [digest])[0]
        if asked != digest:
            return self._reply(400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
        final = self._file("", digest)
        upload.replace(final)
        if found["kind"] == "manifests":
            self.types[final.name] = self.headers["Content-Type"]
            self._file(found["name"], found["reference"]).write_bytes(final.read_bytes())
            self.types[self._file(found["name"], found["reference"]).name] = self.headers["Content-Type"]
        return self._reply(201, **{"Docker-Content-Digest": digest, "Location": parts.path})

    def _file(self, name: str, reference: str) -> Path:
        """Return the file of a blob or manifest (by digest), or of a tag (by repository and tag)."""
        return self.folder / (reference if reference.startswith("sha256:") else f"{name}:{reference}".replace("/", "_"))

    def _upload(self) -> Path:
        return self.folder / f"upload-{urlsplit(self.path).path.rpartition('/')[2]}"

    def _body(self, file: Path) -> int:
        """Append the body of the request to a file; return the file's size."""
        with file.open("ab") as upload:
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    upload.write(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
            else:
                upload.write(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            return upload.tell()

    def _send_file(self, file: Path, kind: str) -> None:
        data = file.read_bytes()
        self._reply(200, data, **{"Content-Type": kind, "Docker-Content-Digest": f"sha256:{_sha256(file)}"})

    def _reply(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Docker-Distribution-Api-Version": "registry/2.0", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _sha256(file: Path) -> str:
    with file.open("rb") as blob:
        return hashlib.file_digest(blob, "sha256").hexdigest()


@contextmanager
def registry(folder: Path, login: str = "") -> Iterator[str]:
    """Run a registry; yield its address, such as 127.0.0.1:5000.

    Args:
        folder: Where it stores its blobs.
        login: USER:PASSWORD, without which it takes no image; empty: it takes all.
    """
    handler = type("Handler", (_Handler,), {"folder": folder, "types": {}, "login": login})
    with http_server(handler) as address:
        yield address


def put_blob(folder: Path, content: Mapping[str, Any]) -> str:
    """Store a JSON document as a push would; return its digest."""
    data = json.dumps(content).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    (folder / digest).write_bytes(data)
    return digest


def push_image(folder: Path, architecture: str = "amd64", labels: Mapping[str, str] | None = None) -> str:
    """Store an image without layers; return its digest. Without labels, its configuration has none, as Docker's."""
    config = {"os": "linux", "architecture": architecture, "config": {"Labels": labels}}
    return put_blob(folder, {"schemaVersion": 2, "config": {"digest": put_blob(folder, config)}, "layers": []})
