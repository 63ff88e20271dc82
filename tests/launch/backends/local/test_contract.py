"""The contract, for jobs as processes of this machine."""

import pytest

from firelib.launch.backends.local.backend import LocalBackend
from tests.launch.backends.contract import JobContract, JobLab
from tests.launch.drill import write_project


@pytest.mark.integration
class TestJobs(JobContract):
    @pytest.fixture
    def lab(self, tmp_path):
        return JobLab(LocalBackend(), write_project(tmp_path))
