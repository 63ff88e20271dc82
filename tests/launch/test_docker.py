"""Real images and real containers: each component alone, three replicas as one, a replica that is lost."""

import csv
import json
import os
import stat
import subprocess
from collections.abc import Iterator

import pytest

from firelib.launch.job_record import records
from tests.engine import Engine, engine
from tests.project import ROOT
from tests.test_pipeline import Project

pytestmark = pytest.mark.containers

COMPONENTS = ("extract", "transform", "trainer")


@pytest.fixture(scope="session")
def images() -> Iterator[Engine]:
    """An engine with all images, built on a bare Debian."""
    with engine() as running:
        base = running.base_image("python3", "python3-venv")
        environment = {**os.environ, "DOCKER_HOST": running.socket, "BASE_IMAGE": base, "BUILD_NETWORK": "host"}
        built = subprocess.run([ROOT / "images/build"], env=environment, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
        yield running


@pytest.fixture(scope="module")
def prepared(images, tmp_path_factory) -> Project:
    """A project whose data two containers have made."""
    project = Project(
        tmp_path_factory.mktemp("project"), DOCKER_HOST=images.socket, FIRELIB_TRACKING="none", FIRELIB_WORKERS="3"
    )
    for stage in ("extract", "transform"):
        project.do("firelib", "submit", "--to", "docker", "--", "firelib", stage)
    return project


def losses(project: Project) -> list[float]:
    with (project.folder / "plots/signs/training.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def alone(prepared) -> list[float]:
    """The losses of three workers in one container."""
    prepared.do(
        *("firelib", "submit", "--to", "docker", "-e", "FIRELIB_NUM_CPUS=3"), *("--", "firelib", "train", "--fresh")
    )
    return losses(prepared)


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_holds_its_component_and_nothing_else(images, component):
    name = f"firelib-{component}"
    said = images.docker("run", "--rm", "--network", "none", name, "self-check")
    assert "Traceback" not in said
    [image] = json.loads(images.docker("inspect", name))
    assert image["Config"]["User"] == "firelib"
    assert image["Architecture"] == "amd64"
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert image["Config"]["Labels"]["org.opencontainers.image.revision"].startswith(revision.strip())
    listed = images.docker(
        "run", "--rm", "--network", "none", "--entrypoint", "find", name, "/", "-xdev", "-name", ".git"
    )
    assert listed == ""


def test_stages_as_containers_give_what_they_give_here(prepared, tmp_path_factory):
    here = Project(tmp_path_factory.mktemp("here"))
    here.do("firelib", "run", "transform")
    same = "data/signs/tfrecords/manifest.json"
    assert here.json(same) == prepared.json(same)


def test_three_replicas_train_as_one(images, prepared, alone):
    submitted = ("firelib", "submit", "--to", "docker", "--replicas", "3", "--cpus", "1", "--memory-gib", "3")
    done = prepared.do(*submitted, "--", "firelib", "train", "--fresh")
    assert "all 3 replicas are here" in done.stderr
    assert losses(prepared) == pytest.approx(alone, rel=1e-5)
    record = records(prepared.folder)[-1]
    assert images.docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={record.job_id}") == ""
    assert images.docker("network", "ls", "--quiet", "--filter", f"label=firelib.job={record.job_id}") == ""
    log = prepared.folder / ".firelib/jobs" / record.job_id / "log.2"
    assert "replica 2 has joined" in log.read_text()
    meeting = prepared.folder / "storage/jobs" / record.job_id / "meeting"
    assert stat.S_IMODE(meeting.stat().st_mode) == 0o700
    assert not (meeting / "head.json").exists()


def test_a_lost_replica_costs_time_only(prepared, alone):
    submitted = ("firelib", "submit", "--to", "docker", "--replicas", "3", "--cpus", "1", "--kill-replica", "1@20s")
    done = prepared.do(*submitted, "--", "firelib", "train", "--fresh")
    assert losses(prepared) == pytest.approx(alone, rel=1e-5)
    record = records(prepared.folder)[-1]
    joined = (prepared.folder / ".firelib/jobs" / record.job_id / "log.1").read_text().count("replica 1 has joined")
    assert joined == 2, done.stderr


def test_cancel_leaves_nothing(images, prepared):
    done = prepared.do("firelib", "submit", "--to", "docker", "--replicas", "2", "--detach", "--", "firelib", "train")
    job_id = done.stdout.strip()
    prepared.do("firelib", "cancel", job_id)
    prepared.do("firelib", "logs", job_id, "--follow", check=False)
    assert "cancelled" in prepared.do("firelib", "status", job_id, check=False).stdout
    assert images.docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={job_id}") == ""


def test_an_image_that_is_not_there_is_said(prepared):
    done = prepared.do(
        "firelib", "submit", "--to", "docker", "--image", "firelib-none", "--", "firelib", "train", check=False
    )
    assert done.returncode == 1
    assert "make images" in done.stderr
    assert "Traceback" not in done.stderr
