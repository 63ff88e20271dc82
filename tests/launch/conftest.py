"""One Ray head with token for all tests that send jobs."""

from collections.abc import Iterator

import pytest

from tests.launch.ray_head import Head, ray_head


@pytest.fixture(scope="session")
def head() -> Iterator[Head]:
    with ray_head() as running:
        yield running
