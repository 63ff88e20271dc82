import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from firelib.dvc_pipeline import source_changes
from firelib.dvc_pipeline.source_changes import find_changed_sources
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

Check = Callable[[], list[str]]


class Two(Recipe):
    name = "two"
    sources: Mapping[str, Source] = {
        "near": Source("near.csv"),
        "far": Source("other://far.csv"),
        "kept": Source("k", "a" * 64),
    }


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a recipe whose lake.json holds the hashes of the sources' content now."""
    from firelib.data.lake import Lake, TableRecord
    from firelib.storage import sha256_content

    (tmp_path / "near.csv").write_text("a\n1\n")
    recipe, paths = Two(), Paths("two", str(tmp_path / "storage"), tmp_path)
    digest = sha256_content(tmp_path / "near.csv")
    record = TableRecord(source="", sha256=digest, columns={}, rows=0, version=0, commits=())
    Lake(recipe="two", tables=dict.fromkeys(recipe.sources, record)).write(paths.lake_json)
    return lambda: find_changed_sources(recipe, paths, tmp_path / "remembered.json")


def test_changed_file_is_found_by_its_hash(tmp_path: Path, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    assert check() == []
    assert "far" in capsys.readouterr().err
    (tmp_path / "near.csv").write_text("a\n2\n")
    assert check() == ["near"]
    assert check() == ["near"]
    (tmp_path / "near.csv").write_text("a\n1\n")
    assert check() == []


def test_file_is_hashed_only_if_its_state_differs(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    original = source_changes.hash_raw_file
    monkeypatch.setattr(source_changes, "hash_raw_file", lambda file: hashed.append(file) or original(file))
    for _ in range(2):
        assert check() == []
        assert len(hashed) == 1
    os.utime(tmp_path / "near.csv", ns=(1, 1))
    assert check() == []
    assert len(hashed) == 2


@pytest.mark.parametrize("remembered", ["", "[]", "{"], ids=["empty", "list", "torn"])
def test_what_was_remembered_is_damaged(tmp_path: Path, check: Check, remembered: str) -> None:
    (tmp_path / "remembered.json").write_text(remembered)
    assert check() == []


def test_missing_file_is_not_checked(tmp_path: Path, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "near.csv").unlink()
    assert check() == []
    assert "near" in capsys.readouterr().err
