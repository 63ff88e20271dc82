"""The example backend runs a whole pipeline: the flights of one January, in containers on a second machine."""

import pytest

from examples.ssh_backend import SshBackend
from firelib.launch.client.log_follower import follow
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec, new_job_id
from tests.launch.backends.ssh_example.ssh_machine import HOST, ssh_machine
from tests.launch.flights_project import losses, write_flights

pytestmark = pytest.mark.containers

IMAGES = {"extract": "firelib-extract", "transform": "firelib-transform", "train": "firelib-trainer"}


def test_the_pipeline_gives_the_same_losses_as_on_this_machine(images, composed, tmp_path):
    project, folder = tmp_path / "project", tmp_path / "machine"
    project.mkdir()
    folder.mkdir()
    write_flights(project)
    with ssh_machine(images, folder):
        for stage, image in IMAGES.items():
            run(
                JobSpec(
                    command=("firelib", stage),
                    job_id=new_job_id(stage),
                    project=str(project),
                    image=image,
                    storage_root=str(tmp_path / "shared"),
                    env={"FIRELIB_NUM_CPUS": "3", "FIRELIB_TRACKING": "none"},
                    target={"host": HOST, "folder": str(folder / "machine")},
                )
            )
    assert losses(project) == pytest.approx(losses(composed), rel=1e-5)


def run(spec: JobSpec) -> None:
    backend, log = SshBackend(), []
    assert backend.validate(spec) == []
    record = JobRecord(spec, backend.name, backend.submit(spec))
    status = follow(backend, record, log.append, pause=0.5)
    assert status.state == "succeeded", "".join(log)
    backend.fetch_outputs(record)
    backend.advance(record)
