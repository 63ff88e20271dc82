"""Which results are read."""

import json
from pathlib import Path

import pytest

from benchmarks.harness.report.load import load, load_published
from firelib.errors import FirelibError
from tests.benchmarks.harness.results import make_result


def test_only_results_with_cases_are_reported(tmp_path: Path) -> None:
    make_result().write(tmp_path / "b.json")
    (tmp_path / "stages.json").write_text(json.dumps({"train": {"wall_s": 1}}))
    assert load(tmp_path) == [make_result()]


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("training_flights", "<<<<<<< HEAD", "measure it again: firelib bench training --full"),
        ("stages", "<<<<<<< HEAD", "measure it again: firelib bench stages --full"),
        ("serving@laptop", "{}", "measure it again: firelib bench serving --full --label laptop"),
        ("short/training_flights", "{}", "measure it again: firelib bench training"),
        ("other", "{}", "no question leaves this file: restore it from git, or remove it"),
    ],
)
def test_a_file_that_is_no_result_is_named_with_a_remedy(tmp_path: Path, name: str, content: str, remedy: str) -> None:
    path = tmp_path / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(FirelibError) as caught:
        load(path.parent)
    assert (caught.value.where, caught.value.remedy) == (str(path), remedy)


def test_another_machine_follows_the_first(tmp_path: Path) -> None:
    for name in ("b@laptop", "b", "b_more"):
        make_result(question=name).write(tmp_path / f"{name}.json")
    assert [result.question for result in load(tmp_path)] == ["b", "b@laptop", "b_more"]


def test_a_short_result_is_shown_until_there_is_a_full_one(tmp_path: Path) -> None:
    make_result("a", form="short").write(tmp_path / "short" / "a.json")
    make_result("b", form="short").write(tmp_path / "short" / "b.json")
    make_result("b").write(tmp_path / "b.json")
    assert [(result.name, result.form) for result in load_published(tmp_path)] == [("a", "short"), ("b", "full")]
