import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from firelib.console_tables import feature_table, split_table, timing_table, trial_table
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.timing import Meter
from firelib.tune.study import Trial
from tests.train.toy import write_toy


@pytest.mark.parametrize(("width", "meaning"), [(80, False), (120, True)])
def test_feature_table_fits_the_terminal(tmp_path: Path, width: int, meaning: bool) -> None:
    manifest = read_manifest(str(write_toy(tmp_path).manifest))
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(feature_table(manifest, width))
    text = console.export_text()
    assert "3 strings" in text
    assert "…" not in text
    assert ("meaning" in text) is meaning
    assert max(map(len, text.splitlines())) <= width


def test_split_table_shows_the_achieved_share_beside_the_declared_one(tmp_path: Path) -> None:
    manifest = read_manifest(str(write_toy(tmp_path).manifest))
    lines = shown(split_table(manifest, {"train": "from 1999", "test": "7.5%"})).splitlines()
    total = sum(split.rows for split in manifest.splits.values())
    for name, declared in (("train", "from 1999"), ("test", "7.5%")):
        (line,) = [line for line in lines if f" {name} " in line]
        assert f"{manifest.splits[name].rows / total:.1%}" in line
        assert declared in line


def test_timing_table() -> None:
    meter = Meter(0.0)
    meter.record_steps(30.0, 0.0, 1, 64)
    for _ in range(100):
        meter.record_steps(0.02, 0.0, 1, 64)
    text = shown(timing_table({**meter.summary(), "restarts": 2.0, "restarts_seconds": 61.0}))
    for row in ("3,200", "0.0%", "20 ms", "of 100 steps", "2", "61.0 s"):
        assert row in text


def test_trial_table_keeps_the_order() -> None:
    best, failed = (
        Trial({"train.lr": 0.01}, 4, 0.25, ""),
        Trial({"train.lr": 9.0}, 0, None, "the loss is nan at step 3"),
    )
    lines = shown(trial_table([best, failed], "val_loss")).splitlines()
    (first,) = [line for line in lines if "0.01" in line]
    (second,) = [line for line in lines if "9.0" in line]
    assert lines.index(first) < lines.index(second)
    assert "0.2500" in first
    assert "the loss is nan at step 3" in second


def shown(table: Table) -> str:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table)
    return console.export_text()
