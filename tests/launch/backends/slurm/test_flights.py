"""One training by three tasks on three nodes, preempted on its way: the same weights as on this machine."""

import re

import numpy as np
import pytest

from firelib.launch.backends.slurm.backend import SlurmBackend
from firelib.launch.job_spec import Replicas, Resources
from tests.launch.backends.contract import JobLab
from tests.launch.flights_project import PARAMS, copy_project, losses, run_firelib, weights
from tests.patience import wait_until

pytestmark = pytest.mark.slurm

_EPOCHS = PARAMS.replace("epochs: 2", "epochs: 12")  # long enough to be preempted


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project that this machine has trained with three workers."""
    project = tmp_path_factory.mktemp("local")
    (project / "params.yaml").write_text(_EPOCHS)
    for stage in ("extract", "transform", "train"):
        run_firelib(project, stage, FIRELIB_NUM_CPUS="3")
    return project


def test_a_preempted_job_of_three_nodes_gives_the_weights_of_this_machine(slurm, trained, tmp_path):
    project = copy_project(trained, tmp_path)
    (project / "params.yaml").write_text(_EPOCHS)
    lab = JobLab(SlurmBackend(), project)
    record = lab.submit(
        "",
        command=("firelib", "train"),
        env={"FIRELIB_TRACKING": "none"},
        resources=Resources(cpus=1),
        replicas=Replicas(count=3, restarts=2),
        storage_root=str(project / "storage"),
    )
    wait_until(lambda: re.search(r"train: [1-9]", lab.log(record)), 300, "training has begun")
    slurm.preempt(record.handle["slurm_id"])
    status, log = lab.finish(record)
    assert status.state == "succeeded", log
    assert log.count("all 3 replicas have joined") == 2
    assert "resuming from its last checkpoint" in log
    np.testing.assert_allclose(weights(project), weights(trained), rtol=0, atol=1e-5)
    assert losses(project) == pytest.approx(losses(trained), rel=1e-5)
