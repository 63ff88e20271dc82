"""What tests of training share: workers without Ray, whose imports are paid once."""

from collections.abc import Iterator

import pytest

from tests.train.local_group import LocalGroup, local_group


@pytest.fixture(scope="session")
def lone_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGroup]:
    """One worker process for the runs of all files."""
    with local_group(tmp_path_factory.mktemp("lone_worker"), 1) as group:
        yield group
