"""Cuts that leave a split without rows, as far as the first rows tell."""

from pathlib import Path

import numpy as np
import pytest

from tests.check.signs import describe, write_project

DAYS = 3_000


@pytest.mark.parametrize(
    ("order", "last", "found"),
    [("mixed", 2900, ["test"]), ("mixed", 2000, []), ("sorted", 2900, [])],
    ids=["a cut after all rows", "a good cut", "the rows of the test may follow"],
)
def test_an_empty_split_is_named_if_rows_are_in_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, last: int, found: list[str]
) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    days = np.arange(DAYS) if order == "sorted" else np.random.default_rng(0).permutation(DAYS)
    numbers = np.random.default_rng(1).normal(size=DAYS)
    lines = [
        f"{i},{min(day, 2800)},{x:.4f},{'abc'[i % 3]},{int(x > 0)}"
        for i, (day, x) in enumerate(zip(days, numbers, strict=True))
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["id,day,number,word,positive", *lines]) + "\n")
    recipe, params = tmp_path / "recipe.py", tmp_path / "params.yaml"
    recipe.write_text(recipe.read_text().replace('key = ("id",)', 'key = ("id",)\nsplit_time = "day"'))
    cuts = f"{{validation_from: 1000, test_from: {last}}}"
    params.write_text(params.read_text().replace("{train: 0.6, validation: 0.2, test: 0.2}", cuts))
    assert [finding.value for finding in describe(tmp_path).findings] == found
