import time

import pytest

from firelib import console


def test_remaining_time_excludes_the_start_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Workers need a minute to start: with it, 1 step in 80 s would extrapolate to hours."""
    clock = iter([0.0, 80.0, 90.0, 100.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("train", 101) as advance:
        for done in (1, 51, 101):
            advance(done, note="epoch 1/1")
    assert capsys.readouterr().err.splitlines() == [
        "train: 1/101 in 80 s  epoch 1/1",
        "train: 51/101 in 90 s, ETA 10 s  epoch 1/1",
        "train: 101/101 in 100 s  epoch 1/1",
    ]


def test_note_before_the_first_step_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    clock = iter([0.0, 2.0, 6.0, 8.0, 20.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("train") as advance:
        for waiting in ("starting", "importing", "importing"):
            advance(0, note=waiting)
        advance(3, 100, note="epoch 1/1")
    assert capsys.readouterr().err.splitlines() == ["train: importing, 6 s", "train: 3/100 in 20 s  epoch 1/1"]
