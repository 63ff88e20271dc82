"""A worker without Ray that all training tests share: it imports TensorFlow once."""

from collections.abc import Iterator

import pytest

from tests.train.local_group import LocalGroup, local_group


@pytest.fixture(scope="session")
def lone_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGroup]:
    """One worker process for the runs of all test modules."""
    with local_group(tmp_path_factory.mktemp("lone_worker"), 1) as group:
        yield group
