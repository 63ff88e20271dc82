"""Jobs in real containers: three replicas train together, a replica is lost, a job is cancelled."""

import stat

import numpy as np
import pytest

from firelib.launch.job_record import read_records
from tests.launch.drill import PLANTED, firelib
from tests.launch.flights_project import copy_project, lineage, losses, run_firelib, weights
from tests.patience import patience, wait_until

pytestmark = pytest.mark.containers

THREE = ("submit", "--to", "docker", "--replicas", "3", "--cpus", "1", "--memory-gib", "3")


def test_three_replicas_train_together(images, pushed, composed, tmp_path):
    project, image = copy_project(composed, tmp_path), pushed[1]["trainer"]
    said = run_firelib(project, *THREE, "--image", image, "--secret", "WANDB_API_KEY=env:WANDB_API_KEY", **PLANTED)
    assert "all 3 replicas have joined" in said
    np.testing.assert_allclose(weights(project), weights(composed), rtol=0, atol=1e-5)
    assert losses(project) == pytest.approx(losses(composed), rel=1e-5)
    assert lineage(project)["image"] == image.partition("@")[2]
    record = read_records(project)[-1]
    assert "replica 2 has joined" in (project / ".firelib/jobs" / record.job_id / "log.2").read_text()
    assert images.docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={record.job_id}") == ""
    assert images.docker("network", "ls", "--quiet", "--filter", f"label=firelib.job={record.job_id}") == ""
    meeting = project / "storage/jobs" / record.job_id / "meeting"
    assert stat.S_IMODE(meeting.stat().st_mode) == 0o700
    assert not (meeting / "head.json").exists()
    texts = [said.encode(), *(path.read_bytes() for path in project.rglob("*") if path.is_file())]
    assert not any(secret.encode() in text for secret in PLANTED.values() for text in texts)


@pytest.mark.usefixtures("images")
def test_training_survives_the_loss_of_a_replica(composed, tmp_path):
    project = copy_project(composed, tmp_path)
    said = run_firelib(project, *THREE, "--kill-replica", f"1@{patience(25):.0f}s")  # it has joined
    np.testing.assert_allclose(weights(project), weights(composed), rtol=0, atol=1e-5)
    log = project / ".firelib/jobs" / read_records(project)[-1].job_id / "log.1"
    assert log.read_text().count("replica 1 has joined") == 2, said


def test_cancel_removes_all_containers(images, composed, tmp_path):
    project = copy_project(composed, tmp_path)
    job_id = firelib(project, "submit", "--to", "docker", "--replicas", "2", "--detach").stdout.strip()
    run_firelib(project, "cancel", job_id)
    wait_until(lambda: "cancelled" in firelib(project, "status", job_id).stdout, 120, "the job is cancelled")
    run_firelib(project, "cancel", job_id)  # once more is no error
    assert images.docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={job_id}") == ""


@pytest.mark.usefixtures("images")
def test_a_missing_image_is_named(composed, tmp_path):
    done = firelib(copy_project(composed, tmp_path), "submit", "--to", "docker", "--image", "firelib-none")
    assert done.returncode == 1
    assert "make images" in done.stderr
    assert "Traceback" not in done.stderr
