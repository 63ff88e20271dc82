"""The daily life of a cluster through make: start, a job that outlives its terminal, a host more, stop, removal."""

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.cluster.lab import USER, Lab, lab
from tests.cluster.scenarios import AFTER_TEARDOWN, verify_roles
from tests.cluster.test_drill import assert_unchanged, none_runs, recap, until
from tests.engine import Engine
from tests.project import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.slow]

SETTINGS = {"FIRELIB_TRACKING": "none", "FIRELIB_WORKERS": "2", "PROJECT": "targets"}
NAMES = ("head", "one", "two")
GO = "go"  # the file for which the job waits


@pytest.fixture
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine) as made:
        yield made


def test_daily_life_through_make(hosts: Lab) -> None:
    project = copy_project(hosts)
    head, first, second = (hosts.add_host(name, last) for name, last in zip(NAMES, (10, 11, 12), strict=True))
    hosts.write_cluster(head, [first])
    with hosts.step("make cluster-setup"):
        make(hosts, project, "cluster-setup")
    with hosts.step("make cluster-setup again, in check mode"):
        assert_unchanged(make(hosts, project, "cluster-setup", "DRY_RUN=1"))
    with hosts.step("make cluster-up"):
        assert f"2 nodes are alive: {head}, {first}" in make(hosts, project, "cluster-up")
    with hosts.step("make cluster-up again"):
        assert "all nodes are alive already" in make(hosts, project, "cluster-up")
    with hosts.step("make cluster-run, ended by Ctrl-C"):
        job = run_until_training(hosts, project)
    with hosts.step("new packages are refused while the job runs"):
        refuse_new_packages(hosts, project, job)
    with hosts.step("a host more, while the job runs: make cluster-setup and cluster-up"):
        hosts.write_cluster(head, [first, second])
        assert "changed=0" in recap(make(hosts, project, "cluster-setup"))[head]
        assert f"3 nodes are alive: {head}, {first}, {second}" in make(hosts, project, "cluster-up")
    with hosts.step("firelib jobs, make cluster-status, make cluster-ssh, make cluster-dashboard"):
        look_around(hosts, project, head, job)
    with hosts.step("the job is followed again"):
        follow_again(hosts, project, job)
    with hosts.step("make cluster-down and vms-down, in check mode"):
        assert "ray down" in make(hosts, project, "cluster-down", "DRY_RUN=1")
        assert "every process of Ray" in make(hosts, project, "vms-down", "DRY_RUN=1")
        assert "all nodes are alive already" in make(hosts, project, "cluster-up")
    with hosts.step("make cluster-down"):
        make(hosts, project, "cluster-down")
        assert none_runs("ray", hosts, NAMES)
    with hosts.step("make vms-down"):
        assert "To confirm" in make(hosts, project, "vms-down", "CONFIRM=other", check=False)
        make(hosts, project, "vms-down", "CONFIRM=lab")
        verify_roles(hosts, AFTER_TEARDOWN)


def copy_project(hosts: Lab) -> Path:
    """The repository's files with its environment: results of jobs come back into this copy."""
    project = hosts.folder / "project"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, target)
    for folder in ("metrics", "plots"):
        shutil.rmtree(project / folder)
    add_stage(project / "dvc.yaml")
    (project / ".venv").symlink_to(ROOT / ".venv")
    return project


def add_stage(file: Path) -> None:
    """A last stage that waits: training takes seconds, and the job has to run while a host is set up."""
    pipeline = yaml.safe_load(file.read_text())
    wait = f"until test -e /mnt/shared/{GO}; do sleep 1; done"
    pipeline["stages"]["wait"] = {"cmd": wait, "deps": ["metrics/flights/test.json"]}
    file.write_text(yaml.safe_dump(pipeline, sort_keys=False))


def make(hosts: Lab, project: Path, *words: str, check: bool = True) -> str:
    return hosts.run(*making(hosts, project, *words), check=check, **SETTINGS)


def making(hosts: Lab, project: Path, *words: str) -> tuple[str, ...]:
    return ("make", "--no-print-directory", "-C", str(project), f"CLUSTER={hosts.cluster_file}", *words)


def firelib(hosts: Lab, project: Path, *words: str, check: bool = True) -> str:
    return hosts.run("env", "-C", str(project), "firelib", *words, check=check, **SETTINGS)


@contextmanager
def running(hosts: Lab, project: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A target that runs in a terminal of its own, with its output."""
    with subprocess.Popen(
        making(hosts, project, *words),
        env=hosts.environment | SETTINGS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def run_until_training(hosts: Lab, project: Path) -> str:
    """Start the pipeline, end the terminal in the middle of training; return the job's id."""
    shared = hosts.shared / "projects" / SETTINGS["PROJECT"]
    with running(hosts, project, "cluster-run") as process:
        until(
            "a first checkpoint",
            lambda: process.poll() is not None or any(hosts.shared.glob("storage/runs/*/step-*")),
        )
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=120)[0]
    assert shared.is_dir(), said
    found = re.search(r"^(run-\d+-\d+-\w+)$", said, re.MULTILINE)
    assert found, said
    assert f"job {found[1]} goes on without this command" in said
    return found[1]


def refuse_new_packages(hosts: Lab, project: Path, job: str) -> None:
    """By another lock, as a pull brings it; the hosts keep their packages."""
    lock = project / "uv.lock"
    kept, stamp = lock.read_bytes(), lock.stat()
    lock.write_bytes(kept + b"# another lock\n")
    os.utime(lock, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # make installs nothing here
    try:
        said = hosts.run(
            *("env", "-C", str(project), "ansible-playbook", "-i", str(hosts.cluster_file), "ansible/setup.yml"),
            check=False,
        )
    finally:
        lock.write_bytes(kept)
        os.utime(lock, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    said = " ".join(said.split())
    assert f"uv.lock has changed, and jobs wait or run on the cluster: {job}" in said
    assert "changed=0" in said


def look_around(hosts: Lab, project: Path, head: str, job: str) -> None:
    listed = firelib(hosts, project, "jobs")
    assert re.search(rf"{job}.*ray.*run.*running", listed)
    status = make(hosts, project, "cluster-status")
    assert job in status
    assert status.count("alive") == 3
    assert make(hosts, project, "cluster-ssh", "DRY_RUN=1").split()[-1] == f"{USER}@{head}"
    shell = firelib(hosts, project, "cluster", "ssh", "--cluster", str(hosts.cluster_file), "1", "--", "hostname")
    assert shell.split()[-1] == "one"
    with running(hosts, project, "cluster-dashboard", "PORT=18265") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url == "http://127.0.0.1:18265"
        request = urllib.request.Request(f"{url}/api/jobs/", headers={"Authorization": f"Bearer {hosts.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert job in answer.read().decode()


def follow_again(hosts: Lab, project: Path, job: str) -> None:
    (hosts.shared / GO).touch()
    begun = time.monotonic()
    assert "evaluate" in firelib(hosts, project, "logs", job, "--follow"), f"after {time.monotonic() - begun:.0f} s"
    assert "succeeded" in firelib(hosts, project, "status", job)
    assert "metrics/flights/test.json" in firelib(hosts, project, "fetch", job)
    assert (project / "metrics" / "flights" / "test.json").is_file()
    assert (project / "models" / "flights" / "model.keras").is_file()
    assert not list((project / "data").rglob("*.tfrecord"))
    stages = yaml.safe_load((hosts.shared / "projects" / SETTINGS["PROJECT"] / "dvc.lock").read_text())["stages"]
    assert set(stages) >= {"extract", "transform", "train", "evaluate"}
