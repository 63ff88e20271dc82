"""One engine for all tests of this folder, and the programs that playbooks call on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engine as engines
from tests.cluster import stand_ins
from tests.cluster.user_machine import Machine
from tests.dvc_pipeline.processes import process_groups


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    with engines.engine() as running:
        yield running


@pytest.fixture(scope="session")
def programs() -> None:
    engines.install(engines.PROGRAMS)


@pytest.fixture
def head() -> Iterator[stand_ins.Dashboard]:
    """A dashboard that says what a test wants."""
    with stand_ins.dashboard() as said:
        yield said


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: stand_ins.Dashboard) -> stand_ins.FakeSsh:
    """The stand-in of ssh on PATH, which leads to `head`."""
    return stand_ins.put_on_path(tmp_path, monkeypatch, head)


@pytest.fixture
def machine(tmp_path: Path, ssh: stand_ins.FakeSsh) -> Iterator[Machine]:
    """A user's machine, with hosts that have Ray."""
    with process_groups() as start:
        yield Machine(tmp_path, ssh, start)
