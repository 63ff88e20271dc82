"""The fixed work."""

import time

import pytest

from benchmarks.harness import calibration


def test_both_kinds_of_work_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_BLOCKS", 4)
    monkeypatch.setattr(calibration, "_COPIED", 1 << 22)
    before, wall = time.process_time(), time.perf_counter()
    found = calibration.calibrate()
    assert time.process_time() > before
    assert 0 < found.compute + found.memory < time.perf_counter() - wall


def test_more_work_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred times as much: even a busy machine cannot hide that."""
    monkeypatch.setattr(calibration, "_COPIED", 1 << 16)
    monkeypatch.setattr(calibration, "_BLOCKS", 1)
    little = min(calibration.calibrate().compute for _ in range(5))
    monkeypatch.setattr(calibration, "_BLOCKS", 100)
    assert calibration.calibrate().compute > little
