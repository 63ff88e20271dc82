"""A stand-in of W&B's server on loopback: it keeps what W&B's own client sends, and tells it back when a run resumes.

It answers the requests that the client of version 0.31 makes for runs, files and artifacts. Lines of the history have
offsets, and a line replaces the one that was sent with the same offset before, as W&B does it.
"""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_server import http_server

_HISTORY, _EVENTS, _SUMMARY = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json"


@dataclass
class StoredRun:
    """A run as the server has it.

    Attributes:
        lines: Name of a stream → offset → line.
        config: Its configuration, as JSON.
        name: Its display name.
        exit_code: The exit code that the client told, or None.
    """

    lines: dict[str, dict[int, str]] = field(default_factory=dict)
    config: str = "{}"
    name: str = ""
    exit_code: int | None = None

    @property
    def steps(self) -> list[int]:
        """The step of each line of the history, in the order of the lines."""
        return [int(json.loads(line)["_step"]) for line in self.ordered(_HISTORY)]

    def ordered(self, stream: str) -> list[str]:
        """The lines of a stream."""
        return [line for _, line in sorted(self.lines.get(stream, {}).items())]


@dataclass
class WandbServer:
    """What the server holds.

    Attributes:
        address: Its URL.
        runs: Id → run.
        requests: Number of requests that brought lines of a history.
        unknown: Operations that it has no answer for.
    """

    address: str = ""
    runs: dict[str, StoredRun] = field(default_factory=dict)
    requests: int = 0
    unknown: set[str] = field(default_factory=set)
    lock: Any = field(default_factory=threading.Lock)

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Answer a GraphQL operation."""
        if operation == "RunResumeStatus":
            return {
                "model": {"id": "p", "name": variables["project"], **_ENTITY, "bucket": self._tell(variables["name"])}
            }
        if operation == "UpsertBucket":
            return {"upsertBucket": {"bucket": self._upsert(variables), "inserted": True}}
        if operation == "CreateArtifact":  # a committed artifact is not uploaded
            artifact = {"id": "a", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
            return {"createArtifact": {"artifact": artifact}}
        if operation == "Viewer":
            return {"viewer": {"id": "v", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}
        if operation == "RunStoppedStatus":
            return {"project": {"run": {"stopped": False}}}
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.address}/upload"} for name in variables["files"]]
            return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}
        if operation == "OrganizationCoreWeaveOrganizationID":
            return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}
        if operation == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        self.unknown.add(operation)
        return {}

    def _tell(self, name: str) -> dict[str, Any] | None:
        """What a client that resumes a run is told."""
        run = self.runs.get(name)
        if run is None:
            return None
        history, events = run.ordered(_HISTORY), run.ordered(_EVENTS)
        summary = run.ordered(_SUMMARY)
        return {
            "id": name,
            "name": name,
            "displayName": run.name,
            "summaryMetrics": summary[-1] if summary else "{}",
            "logLineCount": 0,
            "historyLineCount": len(history),
            "eventsLineCount": len(events),
            "historyTail": json.dumps(history[-1:]),
            "eventsTail": json.dumps(events[-1:]),
            "config": run.config,
            "tags": [],
            "notes": None,
            "wandbConfig": json.dumps({"t": {}}),
        }

    def _upsert(self, variables: dict[str, Any]) -> dict[str, Any]:
        name = variables["name"]
        run = self.runs.setdefault(name, StoredRun())
        run.config = variables.get("config") or run.config
        run.name = variables.get("displayName") or run.name
        project = {"id": "p", "name": variables.get("project") or "p", **_ENTITY}
        count = len(run.lines.get(_HISTORY, {}))
        return {"id": name, "name": name, "displayName": run.name, "config": run.config, "sweepName": None} | {
            "description": None,
            "historyLineCount": count,
            "project": project,
        }

    def stream(self, name: str, content: dict[str, Any]) -> None:
        """Keep lines of a run."""
        run = self.runs.setdefault(name, StoredRun())
        for stream, chunk in (content.get("files") or {}).items():
            lines = run.lines.setdefault(stream, {})
            lines.update(enumerate(chunk["content"], chunk["offset"]))
            self.requests += stream == _HISTORY
        if content.get("complete"):
            run.exit_code = content.get("exitcode")


_ENTITY = {"entity": {"id": "e", "name": "me"}}


@contextmanager
def wandb_server() -> Iterator[WandbServer]:
    """Run the server for the duration of the block."""
    state = WandbServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:  # files of a run, which are not looked at
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            content = json.loads(body or b"{}")
            with state.lock:
                if self.path.endswith("/file_stream"):
                    state.stream(self.path.split("/")[-2], content)
                    self._reply({"limits": {}})
                else:
                    found = state.answer(content.get("operationName", ""), content.get("variables") or {})
                    self._reply({"data": found})

        def _reply(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http_server(Handler) as address:
        state.address = f"http://{address}"
        yield state
