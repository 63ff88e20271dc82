"""`save` writes after each case."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import measure
from benchmarks.harness.measure import RESULTS_VARIABLE, save
from benchmarks.harness.schema import Result
from tests.benchmarks.harness.results import CASE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    monkeypatch.delenv(RESULTS_VARIABLE, raising=False)
    return tmp_path / "results"


def test_results_of_a_benchmark_run_by_hand_do_not_replace_published_ones(folder: Path) -> None:
    path = save("name", "Why?", [CASE])
    assert path == folder / "scratch" / "name.json"
    result = Result.read(path)
    assert (result.question, result.complete, result.form) == ("Why?", True, "other")
    assert result.cases[0].title == "rows"
    assert result.machine.cores >= 1
    assert result.machine.memory_gib
    assert result.libraries["numpy"]
    assert "warm" in result.page_cache


def test_finished_cases_outlive_the_benchmark(folder: Path) -> None:
    def cases() -> Iterator[dict[str, Any]]:
        yield CASE
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        save("name", "Why?", cases())
    result = Result.read(folder / "scratch" / "name.json")
    assert not result.complete
    assert len(result.cases) == 1


def test_the_runner_chooses_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    assert save("name", "Why?", []) == tmp_path / "name.json"
