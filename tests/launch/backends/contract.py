"""The contract of a backend, as tests. docs/backends.md explains how to run it on a new one.

A test module subclasses `RequestContract` (pure; runs anywhere) and `JobContract` (runs jobs for real), and provides
the fixture that each of them names.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import Backend, JobStatus
from firelib.launch.client.log_follower import follow
from firelib.launch.job_record import JobRecord, read_record, write_record
from firelib.launch.job_spec import JobSpec, new_job_id
from tests.launch.problems import find_problem
from tests.patience import wait_until

PLANTED = "planted-secret-value-5b0e"
_SECONDS = 120


@dataclass(frozen=True)
class RequestCase:
    """A backend and a job that it accepts."""

    backend: Backend
    spec: JobSpec


class RequestContract:
    """What holds without the environment; the fixture `case` provides a `RequestCase`."""

    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch):
        def refuse(*_):
            raise AssertionError("validate and request open no connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)

    def test_a_valid_job_has_no_problems(self, case):
        assert case.backend.validate(case.spec) == []

    def test_the_request_is_plain_data_and_always_the_same(self, case):
        text = json.dumps(case.backend.request(case.spec))
        assert case.spec.job_id in text or case.backend.name == "local"
        assert json.dumps(case.backend.request(case.spec)) == text

    def test_all_wrong_settings_are_reported(self, case):
        wrong = {**case.spec.as_json(), "target": {**case.spec.target, "no_such_setting": "1", "another": "2"}}
        problems = case.backend.validate(JobSpec.from_json(wrong))
        assert find_problem(problems, "target.no_such_setting")
        assert find_problem(problems, "target.another")

    def test_secrets_of_another_kind_are_refused_without_their_reference(self, case):
        forms = {"env": "env:SOME_NAME", "file": "file:/some/path", "k8s": "k8s:some/key"}
        forms["gcp"] = "gcp:projects/p/secrets/s/versions/1"
        refused = {scheme: form for scheme, form in forms.items() if scheme not in case.backend.secret_schemes}
        for reference in refused.values():
            raw = {**case.spec.as_json(), "secrets": {"A_KEY": reference}}
            problems = case.backend.validate(JobSpec.from_json(raw))
            assert find_problem(problems, "secrets.A_KEY:")
            assert not find_problem(problems, reference)

    def test_a_record_survives_storage(self, case, tmp_path):
        record = JobRecord(case.spec, case.backend.name, {"id": "1"})
        write_record(tmp_path, record)
        assert read_record(tmp_path, case.spec.job_id) == record


@dataclass
class JobLab:
    """A backend whose environment is up, and a project for its jobs.

    Attributes:
        backend: The backend.
        project: Folder that `tests.launch.drill.write_project` wrote; DRILL says what a job does.
        fields: Fields of each job, such as `image`, `storage_root` and `target`.
        environment_texts: Returns what others can read about the environment's jobs, such as `docker inspect`.
        records: The jobs so far.
    """

    backend: Backend
    project: Path
    fields: Mapping[str, Any] = field(default_factory=dict)
    environment_texts: Callable[[], str] = str
    records: list[JobRecord] = field(default_factory=list)

    def submit(self, drill: str, **fields: Any) -> JobRecord:
        own = {"command": ("firelib", "extract"), "env": {"DRILL": drill}}
        spec = JobSpec(job_id=new_job_id("extract"), project=str(self.project), **{**own, **self.fields, **fields})
        assert self.backend.validate(spec) == []
        record = JobRecord(spec, self.backend.name, self.backend.submit(spec))
        write_record(self.project, record)
        self.records.append(record)
        return record

    def finish(self, record: JobRecord) -> tuple[JobStatus, str]:
        """Follow a job to its end."""
        parts: list[str] = []
        return follow(self.backend, record, parts.append, pause=0.1), "".join(parts)

    def log(self, record: JobRecord) -> str:
        return "".join(self.backend.logs(record, follow=False))


class JobContract:
    """What holds for jobs that really run; the fixture `lab` provides a `JobLab`."""

    @pytest.fixture(autouse=True)
    def no_job_outlives_its_test(self, lab) -> Iterator[None]:
        yield
        for record in lab.records:
            lab.backend.cancel(record)
            lab.finish(record)

    def test_a_job_succeeds_and_its_log_is_whole(self, lab):
        record = lab.submit("talk")
        status, followed = lab.finish(record)
        assert (status.state, status.exit_code, status.code) == ("succeeded", 0, 0), followed
        numbers = [line for line in followed.splitlines() if line.startswith("line ")]
        assert numbers == [f"line {number:02d} ä" for number in range(40)]
        assert lab.log(record) == followed
        if lab.backend.returns_outputs:
            fetched = lab.backend.fetch_outputs(record)
            assert {"data/rows/lake.json", f".firelib/stages/rows/job-{record.job_id}-extract.json"} <= {*fetched}
        assert (lab.project / "data/rows/lake.json").is_file()

    @pytest.mark.parametrize(("drill", "code"), [("exit", 7), ("stopped", 75)])
    def test_the_exit_code_is_that_of_the_stage(self, lab, drill, code):
        status, log = lab.finish(lab.submit(drill))
        assert (status.state, status.exit_code) == ("failed", code), log

    def test_status_and_logs_change_nothing(self, lab):
        record = lab.submit("exit")
        wait_until(lambda: lab.backend.status(record).is_over, _SECONDS, "the job is over")
        before = files(lab.project)
        assert len({lab.backend.status(record) for _ in range(3)}) == 1
        assert lab.log(record) == lab.log(record)
        assert files(lab.project) == before
        status, log = lab.backend.status(record), lab.log(record)
        for _ in range(2):  # advance is idempotent, and the job stays what it was
            record = lab.backend.advance(record)
            assert (lab.backend.status(record), lab.log(record)) == (status, log)

    def test_cancel_stops_the_job(self, lab):
        record = lab.submit("wait")
        wait_until(lambda: "waiting for the end" in lab.log(record), _SECONDS, "the stage runs")
        assert lab.backend.status(record).state == "running"
        lab.backend.cancel(record)
        status, _ = lab.finish(record)
        assert status.state == "cancelled"
        lab.backend.cancel(record)  # a finished job: no error, no other state
        assert lab.backend.status(record) == status

    def test_a_secret_reaches_the_stage_and_nothing_else(self, lab, monkeypatch):
        monkeypatch.setenv("MINE", PLANTED)
        record = lab.submit("secret,wait", secrets={"DRILL_VALUE": "env:MINE"})
        wait_until(lambda: "waiting for the end" in lab.log(record), _SECONDS, "the stage has read its secret")
        assert f"length of the secret: {len(PLANTED)}" in lab.log(record)
        assert PLANTED not in command_lines()
        assert PLANTED not in lab.environment_texts()
        assert not readable_by_others(lab.project)
        lab.backend.cancel(record)
        _, log = lab.finish(record)
        assert PLANTED not in log
        assert not any(PLANTED.encode() in content for content in files(lab.project).values())

    def test_a_missing_secret_is_named(self, lab, monkeypatch):
        monkeypatch.delenv("MINE", raising=False)
        try:
            record = lab.submit("secret", secrets={"DRILL_VALUE": "env:MINE"})
        except FirelibError as error:
            said = error.what
            assert lab.records == []
        else:  # the stage reads its secrets itself
            status, said = lab.finish(record)
            assert status.state == "failed"
        assert "DRILL_VALUE" in said


def files(folder: Path) -> dict[str, bytes]:
    """Path → content of every file of the job's own machine."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def readable_by_others(folder: Path) -> list[str]:
    """Files that hold the planted secret and whose mode lets others read them."""
    holding = [path for path, content in files(folder).items() if PLANTED.encode() in content]
    return [path for path in holding if Path(path).stat().st_mode & 0o077]


def command_lines() -> str:
    """The arguments of all processes of this machine, containers included."""
    return "\n".join(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
