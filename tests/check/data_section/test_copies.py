"""Copies of rows must have the features of their rows, and a key."""

from pathlib import Path

import pytest

from tests.check.signs import Mistake, describe, write_project

SCALED = ("  shard_mib: 1", "  shard_mib: 1\n  scale: 100")


def plant(folder: Path, *changes: tuple[str, str]) -> None:
    write_project(folder)
    for old, new in changes:
        Mistake(old, new, ()).plant(folder)


def test_good_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, SCALED)
    assert describe(tmp_path).findings == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([('rows["number"] * 2)', 'rows["number"] * 2, number=rows["id"] % 7 / 9)')], ("number",)),
        ([('key = ("id",)', 'key = ("id",)\nstratify_by = ("positive",)')], ("strata", "positive")),
        ([('    Feature("word"', '    Feature("id", "int64"),\n    Feature("word"')], ("id", "key")),
    ],
    ids=["a feature of the copied column", "strata", "a key of features"],
)
def test_bad_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: list[tuple[str, str]], named: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, SCALED, *changes)
    Mistake(SCALED[0], "  scale: 100", named).require_found(list(describe(tmp_path).findings), tmp_path)
