"""One engine for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests import engine as engines


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    with engines.engine() as running:
        yield running
