"""The contract, for the example: containers on a second machine over SSH."""

import os
import tempfile
from pathlib import Path

import pytest

from examples.ssh_backend import SshBackend
from firelib.launch.backend import LostConnectionError
from firelib.launch.job_record import JobRecord
from tests.errors import refused
from tests.launch.backends.contract import JobContract, JobLab
from tests.launch.backends.ssh_example.ssh_machine import HOST, ssh_machine
from tests.launch.drill import write_project
from tests.launch.jobs import job


@pytest.mark.containers
class TestJobs(JobContract):
    @pytest.fixture(scope="class")
    def machine(self, images):
        with tempfile.TemporaryDirectory() as folder, ssh_machine(images, Path(folder)):
            yield Path(folder)

    @pytest.fixture
    def lab(self, images, machine, tmp_path):
        def inspect() -> str:
            return images.docker("inspect", *images.docker("ps", "--all", "--quiet").split())

        target = {"host": HOST, "folder": str(machine / "machine")}
        fields = {"image": "firelib-extract", "storage_root": str(tmp_path / "shared"), "target": target}
        (tmp_path / "project").mkdir()
        yield JobLab(SshBackend(), write_project(tmp_path / "project"), fields, inspect)
        assert not list((machine / "machine").glob("*/secrets/*"))


def test_a_connection_that_fails_may_be_retried(monkeypatch, tmp_path):
    """ssh exits with 255; any other exit code is the remote command's."""
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'ssh: connect to host box: refused' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    record = JobRecord(job(), "ssh", {"host": "box", "folder": "/none/train-1"})
    with refused(what="refused", where="box", kind=LostConnectionError):
        SshBackend().status(record)
    with refused(where="box", kind=LostConnectionError):
        list(SshBackend().logs(record, follow=False))


@pytest.mark.parametrize("host", ["-oProxyCommand=id", "box; id", "$(id)", "me@box/x"])
def test_a_host_cannot_inject_options_or_commands(host):
    problems = SshBackend().validate(job(image="x", storage_root="gs://b/r", target={"host": host}))
    assert [problem.partition(":")[0] for problem in problems] == ["target.host"]
