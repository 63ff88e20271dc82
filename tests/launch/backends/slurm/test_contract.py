"""The contract, for jobs of a real Slurm."""

import pytest

from firelib.launch.backends.slurm.backend import SlurmBackend
from tests.launch.backends.contract import JobContract, JobLab
from tests.launch.drill import write_project


@pytest.mark.slurm
class TestJobs(JobContract):
    @pytest.fixture
    def lab(self, slurm, tmp_path):
        project = tmp_path / "my project"
        project.mkdir()
        yield JobLab(SlurmBackend(), write_project(project), {}, slurm.describe_jobs)
        assert not list(project.glob(".firelib/jobs/*/secrets"))
