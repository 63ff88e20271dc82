"""The contract, for jobs in real containers."""

import pytest

from firelib.launch.backends.docker.backend import DockerBackend
from tests.launch.backends.contract import JobContract, JobLab
from tests.launch.drill import write_project


@pytest.mark.containers
class TestJobs(JobContract):
    @pytest.fixture
    def lab(self, images, tmp_path):
        def inspect() -> str:
            return images.docker("inspect", *images.docker("ps", "--all", "--quiet").split())

        project = write_project(tmp_path)
        return JobLab(DockerBackend(), project, {"storage_root": str(project / "storage")}, inspect)
