"""Rounds that nothing disturbs: the machine that runs the tests may be busy."""

import pytest

from benchmarks.harness import rounds
from benchmarks.harness.calibration import Calibration


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "calibrate", lambda: Calibration(0.01, 0.02))
    monkeypatch.setattr(rounds, "find_disturbances", lambda worst, usual, load: [])
    monkeypatch.setattr(rounds, "_recorded", [])
