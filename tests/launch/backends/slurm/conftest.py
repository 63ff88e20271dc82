"""One real Slurm for all tests of the backend."""

from collections.abc import Iterator

import pytest

from tests.launch.backends.slurm.slurm_lab import SlurmLab, slurm_lab


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmLab]:
    with slurm_lab() as running:
        yield running
