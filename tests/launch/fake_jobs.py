"""A stand-in for the REST APIs of Vertex AI's jobs and models and of Cloud Logging, with Google's own messages.

A script determines the states of a job: one list for each region, one state for each poll. Google's messages parse the
requests, so a request that the service would not understand is refused here, too.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeVar

from google.cloud import aiplatform_v1

from tests.http_server import http_server
from tests.launch.fake_log import FakeLog, QuotaExceededError

NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
NAMES |= {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
OVER = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}
_JOB = re.compile(r"/v1/(projects/[^/]+/locations/([^/]+)/customJobs)(?:/(\d+))?(:cancel)?")
_MODEL = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+)/models(?:/([a-z0-9_-]+)|:upload)")
_LABEL = re.compile(r'labels\.([\w-]+)="([^"]*)"')


@dataclass(frozen=True)
class Refusal(Exception):  # noqa: N818  an answer of the service
    """An error answer."""

    code: int
    message: str


@dataclass(frozen=True)
class Step:
    """A job at one poll: its state, at its end the error, and the address of its shell."""

    state: str
    message: str = ""
    shell: str = ""


@dataclass
class FakeJobs:
    """The service.

    Attributes:
        plays: Region → steps of its next jobs.
        refusals: Region → error answers to its next `create` calls, before one succeeds.
        always: The answer to every request, if set.
        age: Apparent age of new jobs.
        jobs: Name → job, in the order of creation.
        log: Cloud Logging.
        models: Resource name → uploaded versions.
        expires_after: Requests that succeed before the login expires; None for ever.
    """

    plays: dict[str, list[Sequence[Step]]] = field(default_factory=dict)
    refusals: dict[str, list[Refusal]] = field(default_factory=dict)
    always: Refusal | None = None
    age: timedelta = timedelta(0)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: FakeLog = field(default_factory=lambda: FakeLog(time.monotonic))
    expires_after: int | None = None
    models: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hidden_in_lists: bool = False
    _steps: dict[str, list[Step]] = field(default_factory=dict)
    url: str = ""

    def answer(self, method: str, path: str, query: str, body: bytes) -> Mapping[str, Any]:
        self.asked.append(f"{method} {path}")
        if self.always:
            raise self.always
        if self.expires_after is not None and len(self.asked) > self.expires_after:
            raise Refusal(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        if path == "/v2/entries:list":
            return self._list_entries(json.loads(body))
        if found := _MODEL.fullmatch(path):
            return self._answer_about_models(method, *found.groups(), body)
        found = _JOB.fullmatch(path)
        if not found:
            raise Refusal(404, f"no such method: {path}")
        parent, region, number, cancel = found.groups()
        name = f"{parent}/{number}"
        if number is None:
            return self._create(parent, region, body) if method == "POST" else self._list(parent, query)
        if name not in self.jobs:
            raise Refusal(404, f"CustomJob does not exist: {name}")
        return self._cancel(name) if cancel else self._look(name)

    def _answer_about_models(self, method: str, parent: str, name: str | None, body: bytes) -> Mapping[str, Any]:
        """Return a model, or upload one: the first with its id, the next ones as versions of it."""
        if method == "GET":
            if f"{parent}/models/{name}" not in self.models:
                raise Refusal(404, f"The Model does not exist: {name}")
            return {"name": f"{parent}/models/{name}"}
        request = {**json.loads(body), "parent": parent}
        message = aiplatform_v1.UploadModelRequest.from_json(json.dumps(request), ignore_unknown_fields=False)
        uri = message.parent_model or f"{parent}/models/{message.model_id}"
        if (uri in self.models) != bool(message.parent_model):
            raise Refusal(400, f"parent_model is for models that exist, model_id for others: {uri}")
        self.models.setdefault(uri, []).append(request)
        kind = "type.googleapis.com/google.cloud.aiplatform.v1.UploadModelResponse"
        version = str(len(self.models[uri]))
        response = {"@type": kind, "model": uri, "modelVersionId": version}
        return {"name": f"{parent}/operations/{version}", "done": True, "response": response}

    def running(self) -> list[str]:
        """Return the jobs that are not over."""
        return [name for name, job in self.jobs.items() if job["state"] not in OVER]

    def _create(self, parent: str, region: str, body: bytes) -> Mapping[str, Any]:
        message = aiplatform_v1.CustomJob.from_json(body.decode(), ignore_unknown_fields=False)
        if self.refusals.get(region):
            raise self.refusals[region].pop(0)
        if not message.display_name or not message.job_spec.worker_pool_specs:
            raise Refusal(400, "display_name and job_spec.worker_pool_specs are required")
        name = f"{parent}/{1000 + len(self.jobs)}"
        job = json.loads(aiplatform_v1.CustomJob.to_json(message, use_integers_for_enums=False))
        plays = self.plays.get(region) or [[Step("JOB_STATE_RUNNING"), Step("JOB_STATE_SUCCEEDED")]]
        self._steps[name] = list(plays.pop(0) if len(plays) > 1 else plays[0])
        self.jobs[name] = {**job, "name": name, "state": "JOB_STATE_PENDING", "createTime": _ago(self.age)}
        return self.jobs[name]

    def _list(self, parent: str, query: str) -> Mapping[str, Any]:
        label = _LABEL.fullmatch(query)
        found = [job for name, job in self.jobs.items() if name.startswith(f"{parent}/")]
        if label:
            found = [job for job in found if job["labels"].get(label[1]) == label[2]]
        return {"customJobs": [] if self.hidden_in_lists else [self._look(job["name"]) for job in found]}

    def _look(self, name: str) -> Mapping[str, Any]:
        job, steps = self.jobs[name], self._steps[name]
        if job["state"] not in OVER and steps:
            step = steps.pop(0)
            job["state"] = step.state
            if step.state == "JOB_STATE_RUNNING":
                job.setdefault("startTime", _ago(self.age))
                self.log.write(name.rpartition("/")[2], f"line of {name}")
            if step.state in OVER:
                job["endTime"] = _ago(timedelta(0))
            if step.shell:
                job["webAccessUris"] = {"workerpool0-0": step.shell}
            if step.message:
                job["error"] = {"code": 8, "message": step.message}
        return job

    def _cancel(self, name: str) -> Mapping[str, Any]:
        job = self.jobs[name]
        if job["state"] in OVER:
            raise Refusal(400, f"The CustomJob is in state {job['state']} and cannot be cancelled")
        job |= {"state": "JOB_STATE_CANCELLED", "endTime": _ago(timedelta(0))}
        return {}

    def _list_entries(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self.log.list(query)
        except QuotaExceededError:
            raise Refusal(429, "Quota exceeded for quota metric 'Read requests' of logging.googleapis.com") from None


Service = TypeVar("Service", bound=FakeJobs)


def _ago(age: timedelta) -> str:
    return (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z")


@contextmanager
def fake_jobs() -> Iterator[FakeJobs]:
    """Run the service on a free port."""
    with serving(FakeJobs()) as service:
        yield service


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Run a service on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            from urllib.parse import parse_qs, urlsplit

            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = parse_qs(parts.query).get("filter", [""])[0]
            try:
                code, found = 200, service.answer(method, parts.path, query, body)
            except Refusal as refused:
                code = refused.code
                found = {"error": {"code": code, "message": refused.message, "status": NAMES[code]}}
            data = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with http_server(Handler) as address:
        service.url = f"http://{address}"
        yield service
