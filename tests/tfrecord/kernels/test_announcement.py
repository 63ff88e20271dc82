"""The note about compiling, with real compilations of small functions."""

import pytest
from numba import njit

from firelib.tfrecord.kernels import announcement


def compile_one(module: str) -> None:
    def kernel(value: int) -> int:
        return value + 1

    kernel.__module__ = module
    njit(kernel)(1)


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch):
    """A fresh announcement without patience, instead of the one that this process has."""
    monkeypatch.setattr(announcement._announcement, "_said", True)
    monkeypatch.setattr(announcement, "_PATIENCE_SECONDS", 0.0)
    listener = announcement._Announcement()
    announcement.event.register("numba:compile", listener)
    yield
    announcement.event.unregister("numba:compile", listener)


def test_compiling_a_kernel_is_announced_once(listening: None, capfd: pytest.CaptureFixture[str]) -> None:
    compile_one("others.module")
    assert "compiling" not in capfd.readouterr().err
    compile_one("firelib.tfrecord.kernels.example")
    compile_one("firelib.tfrecord.kernels.example")
    assert capfd.readouterr().err.count("compiling kernels") == 1
