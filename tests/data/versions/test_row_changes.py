"""Rows added, removed and changed, against what was done to the source."""

from pathlib import Path

import numpy as np
import pytest

from firelib.data.extract import extract
from firelib.data.versions.row_changes import compare_rows
from tests.data.versions.two_lakes import extract_rows, tables_of, two_tables
from tests.recipes.tiny import DAYS, Row, order_rows, tiny_recipe, write_csv

KEY = ("day", "id")
ROWS = order_rows(120)


def edit(seed: int) -> tuple[list[Row], dict[str, int]]:
    """Other rows in another order, and what was done to them."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(ROWS))
    removed, changed = random.integers(0, 20), random.integers(0, 30)
    kept = [dict(ROWS[index]) for index in order[removed:]]
    for row in kept[:changed]:
        row["amount"] = "1000" if row["amount"] == "NA" else "NA"
    for row in kept[: changed // 2]:
        row["state"] = f"{row['state']}?"
    new = [{**ROWS[0], "day": int(random.integers(1, DAYS + 1)), "id": 900 + n} for n in range(random.integers(0, 20))]
    counts = {"added": len(new), "removed": int(removed), "changed": int(changed), "state": int(changed) // 2}
    return [*kept, *new], counts


@pytest.mark.parametrize("seed", range(6))
def test_edits_are_counted(tmp_path: Path, seed: int) -> None:
    rows, counts = edit(seed)
    found = compare_rows(*two_tables(tmp_path, ROWS, rows), KEY)
    assert (found.added, found.removed, found.changed) == (counts["added"], counts["removed"], counts["changed"])
    assert (found.before, found.after) == (len(ROWS), len(rows))
    assert found.before + found.added - found.removed == found.after
    expected = {"amount": counts["changed"], "state": counts["state"]}
    assert found.columns == {name: count for name, count in expected.items() if count}
    assert found.examined == counts["changed"]
    assert found.key == KEY or counts["changed"] == 0


def test_both_directions_agree(tmp_path: Path) -> None:
    rows, _ = edit(1)
    before, after = two_tables(tmp_path, ROWS, rows)
    there, back = compare_rows(before, after, KEY), compare_rows(after, before, KEY)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert there.columns == back.columns


def test_a_version_adds_rows_to_the_one_before(tmp_path: Path) -> None:
    lake, paths = extract_rows(tmp_path, ROWS)
    tables = [tables_of(lake, paths, version) for version in (1, 2)]
    found = compare_rows(tables[0]["orders"], tables[1]["orders"], KEY)
    assert (found.added, found.removed, found.changed) == (sum(row["day"] == 3 for row in ROWS), 0, 0)


def test_tables_without_a_key_are_compared_by_whole_rows(tmp_path: Path) -> None:
    first, paths = extract_rows(tmp_path, ROWS)
    cities = ("Rome", "Bern", "NA")
    write_csv(tmp_path / "shops.csv", [{"shop": f"s{index}", "city": city} for index, city in enumerate(cities)])
    second = extract(tiny_recipe(tmp_path), paths)
    found = compare_rows(*(tables_of(lake, paths)["shops"] for lake in (first, second)), KEY)
    assert (found.key, found.added, found.removed, found.changed) == ((), 1, 2, 0)


def test_a_key_that_does_not_identify_rows_is_not_used(tmp_path: Path) -> None:
    twice = [*ROWS, ROWS[0]]
    found = compare_rows(*two_tables(tmp_path, ROWS, twice), KEY)
    assert (found.key, found.added, found.removed) == ((), 1, 0)
    assert compare_rows(*two_tables(tmp_path / "day", ROWS, twice), ("day",)).key == ()
