"""Rows added, removed and changed, against what was done to the source."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from firelib.data.delta_tables import append_part, build_table_record
from firelib.data.extract import extract
from firelib.data.parts.part import Part
from firelib.data.versions.pinned_table import PinnedTable
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
    found = compare_rows(tables_of(first, paths)["shops"], tables_of(second, paths)["shops"], KEY)
    assert (found.key, found.added, found.removed, found.changed) == ((), 1, 2, 0)


def test_a_key_that_does_not_identify_rows_is_not_used(tmp_path: Path) -> None:
    twice = [*ROWS, ROWS[0]]
    found = compare_rows(*two_tables(tmp_path, ROWS, twice), KEY)
    assert (found.key, found.added, found.removed) == ((), 1, 0)
    assert compare_rows(*two_tables(tmp_path / "day", ROWS, twice), ("day",)).key == ()


def test_rows_without_a_common_column_are_counted(tmp_path: Path) -> None:
    """Their only column has another type, so all that is known is how many there are."""

    def pin_ids(rows: int, kind: str) -> PinnedTable:
        part = Part({}, pa.table({"id": pa.array(range(rows), kind)}))
        append_part(str(tmp_path / kind), part, 0)
        return PinnedTable("t", str(tmp_path / kind), build_table_record("t", "", part.rows.schema, [part]), 0)

    found = compare_rows(pin_ids(2, "int64"), pin_ids(5, "int32"), ["id"])
    assert (found.before, found.after) == (2, 5)
    assert (found.key, found.added, found.removed, found.changed) == ((), 3, 0, 0)


KINDS = {
    "flag": pa.array([True, None, False]),
    "whole": pa.array([1, None, 2**60 + 1]),
    "small": pa.array([None, 1, 2], pa.int16()),
    "share": pa.array([None, 0.5, -0.0]),
    "word": pa.array(["a", None, ""]),
    "raw": pa.array([b"a", None, b""]),
    "day": pa.array([None, date(2024, 1, 1), date(2024, 1, 2)]),
    "time": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
    "price": pa.array([None, Decimal("1.50"), Decimal("2.00")], pa.decimal128(10, 2)),
    "list": pa.array([[1, None], None, []]),
    "struct": pa.array([{"a": 1}, None, {"a": None}]),
}
TYPED = pa.table({"id": [1, 2, 3], **KINDS})


def pin(uri: str, parts: list[pa.Table]) -> PinnedTable:
    """A table with a version for each part."""
    for version, part in enumerate(parts):
        append_part(uri, Part({}, part), version)
    return PinnedTable(
        "t", uri, build_table_record("t", "", TYPED.schema, [Part({}, part) for part in parts]), len(parts) - 1
    )


def test_rows_of_other_commits_are_the_same_rows(tmp_path: Path) -> None:
    """Nulls beside a value must not change the hash of the value."""
    whole, single = pin(str(tmp_path / "a"), [TYPED]), pin(str(tmp_path / "b"), [TYPED[2:], TYPED[1:2], TYPED[:1]])
    found = compare_rows(whole, single, ["id"])
    assert (found.added, found.removed, found.changed) == (0, 0, 0)


@pytest.mark.parametrize("column", sorted(KINDS))
def test_a_change_of_any_type_is_found(tmp_path: Path, column: str) -> None:
    values = KINDS[column].take(pa.array([1, 2, 0]))
    moved = TYPED.set_column(TYPED.column_names.index(column), column, values)
    found = compare_rows(pin(str(tmp_path / "a"), [TYPED]), pin(str(tmp_path / "b"), [moved]), ["id"])
    assert (found.added, found.removed, found.key) == (0, 0, ("id",))
    assert found.columns == {column: found.changed}
    assert found.changed >= 2
