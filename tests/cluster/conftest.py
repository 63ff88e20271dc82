"""One engine for all tests of this folder, and the programs that playbooks call on this machine."""

from collections.abc import Iterator

import pytest

from tests import engine as engines


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    with engines.engine() as running:
        yield running


@pytest.fixture(scope="session")
def programs() -> None:
    engines.install()
