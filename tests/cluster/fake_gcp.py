"""Google Cloud's resources as far as the playbooks use them: a dict of URLs behind HTTP on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ya29.fake"
ADDRESS = "203.0.113.7"


@dataclass
class FakeCloud:
    """What there is now.

    Attributes:
        resources: Path → body.
        sent: Every request that changed something: method and path.
        refuse: Kind → what to say instead of making one.
    """

    api: str = ""
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if "/operations/" in path:
            return 200, {"status": "DONE"}
        if path in self.resources:
            return 200, self.resources[path]
        if "filter" in query:
            label = query["filter"][0].removeprefix("labels.").split("=")
            found = [body for name, body in self.resources.items() if name.startswith(f"{path}/") and _has(body, label)]
            return 200, {"items": found} if found else {}
        return 404, {"error": {"message": "not found"}}

    def post(self, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.sent.append(f"POST {path}")
        kind = path.rpartition("/")[2]
        if kind in self.refuse:
            return 403, {"error": {"message": self.refuse[kind]}}
        if kind == "start":
            self.resources[path.removesuffix("/start")]["status"] = "RUNNING"
        elif ":setIamPolicy" not in path:
            self.resources[f"{path}/{_name(path, query, body)}"] = body | _given(kind)
        return 200, self._operation(path)

    def put(self, path: str) -> tuple[int, dict[str, Any]]:
        self.sent.append(f"PUT {path}")
        return 200, {}

    def delete(self, path: str) -> tuple[int, dict[str, Any]]:
        self.sent.append(f"DELETE {path}")
        del self.resources[path]
        return (200, self._operation(path)) if path.startswith("/compute") else (204, {})

    def _operation(self, path: str) -> dict[str, Any]:
        if not path.startswith("/compute"):
            return {}
        return {"kind": "compute#operation", "selfLink": f"{self.api}/compute/operations/1", "status": "PENDING"}


def _has(body: dict[str, Any], label: list[str]) -> bool:
    return bool(body.get("labels", {}).get(label[0]) == label[1])


def _name(path: str, query: dict[str, list[str]], body: dict[str, Any]) -> str:
    if "accountId" in body:
        return f"{body['accountId']}@{path.split('/')[4]}.iam.gserviceaccount.com"
    return query.get("repositoryId", [body.get("name", "")])[0]


def _given(kind: str) -> dict[str, Any]:
    return {"addresses": {"address": ADDRESS}, "instances": {"status": "RUNNING"}}.get(kind, {})


@contextmanager
def fake_cloud() -> Iterator[FakeCloud]:
    """A cloud without resources, on loopback."""
    cloud = FakeCloud()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                status, said = 401, {"error": {"message": "Request had invalid authentication credentials."}}
            elif self.command == "GET":
                status, said = cloud.get(url.path, query)
            elif self.command == "POST":
                status, said = cloud.post(url.path, query, body)
            else:
                status, said = cloud.put(url.path) if self.command == "PUT" else cloud.delete(url.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if status != 204:
                self.wfile.write(json.dumps(said).encode())

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        cloud.api = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield cloud
        server.shutdown()
