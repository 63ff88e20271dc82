from pathlib import Path

import pyarrow as pa

from firelib.data.delta_tables import append_part, build_table_record
from firelib.data.parts.part import Part
from firelib.data.versions.pinned_table import PinnedTable, find_own_commits
from firelib.storage import remove_folder
from tests.data.versions.two_lakes import extract_rows, tables_of, two_tables
from tests.errors import refused
from tests.recipes.tiny import order_rows

ROWS = order_rows(40)


def test_a_superseded_table_is_found_by_the_lake_json_that_pins_it(tmp_path: Path) -> None:
    before, after = two_tables(tmp_path, ROWS, [{**row, "items": 7} for row in ROWS])
    assert Path(before.uri).name.startswith("orders.superseded-")
    assert Path(after.uri).name == "orders"
    items = [
        [value for batch in table.read(table.commits, ["items"]) for value in batch["items"].to_pylist()]
        for table in (before, after)
    ]
    assert set(items[1]) == {7}
    assert len(items[0]) == len(items[1]) == before.rows == len(ROWS)
    assert set(items[0]) != {7}


def test_a_version_has_the_commits_up_to_it(tmp_path: Path) -> None:
    lake, paths = extract_rows(tmp_path, ROWS)
    early, late = tables_of(lake, paths, 1)["orders"], tables_of(lake, paths)["orders"]
    assert early.rows == sum(row["day"] <= 2 for row in ROWS)
    assert [commit.group for commit in find_own_commits(late, early)] == [{"day": 3}, {"day": 4}]
    assert find_own_commits(early, late) == []


def test_only_commits_with_other_rows_differ(tmp_path: Path) -> None:
    changed = [{**row, "items": 7} if row["day"] == 2 else row for row in ROWS]
    before, after = two_tables(tmp_path, ROWS, changed)
    assert [commit.group for commit in find_own_commits(before, after)] == [{"day": 2}]
    assert [commit.group for commit in find_own_commits(after, before)] == [{"day": 2}]


def test_batches_of_wide_rows_are_small(tmp_path: Path) -> None:
    """Rows of 64 KiB: 8 MiB are a row group."""
    rows = pa.table({"id": range(400), "raw": [bytes(64 << 10)] * 400})
    append_part(str(tmp_path / "t"), Part({}, rows), 0)
    record = build_table_record("t", "", rows.schema, [Part({}, rows)])
    table = PinnedTable("t", str(tmp_path / "t"), record, 0)
    sizes = [batch.num_rows for batch in table.read(table.commits, ["id", "raw"])]
    assert sum(sizes) == 400
    assert max(sizes) <= 128


def test_rows_that_are_gone_are_named(tmp_path: Path) -> None:
    lake, paths = extract_rows(tmp_path, ROWS)
    remove_folder(f"{paths.lake}/orders")
    with refused(what="orders", where=Path(paths.lake), remedy="firelib extract"):
        tables_of(lake, paths)
