from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.parts.part import Part, check_rows_are_conserved, split_into_parts
from tests.errors import refused

ROWS = pa.table({"day": [2, 1, 2, 1, 3], "value": ["a", "b", "c", None, "e"]})


def read(part: Part) -> pa.Table:
    return pa.Table.from_batches(part.rows.to_batches(), part.rows.schema)


def test_each_group_is_a_part_in_ascending_order() -> None:
    parts = split_into_parts(ROWS, ["day"])
    assert [part.group for part in parts] == [{"day": 1}, {"day": 2}, {"day": 3}]
    assert [read(part)["value"].to_pylist() for part in parts] == [["b", None], ["a", "c"], ["e"]]


def test_without_groups_a_table_is_one_part() -> None:
    (part,) = split_into_parts(ROWS, [])
    assert read(part).equals(ROWS)
    assert part.group == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.integers()), min_size=1, max_size=40))
def test_parts_contain_every_row_once(rows: list[tuple[int, str, int]]) -> None:
    a, b, value = zip(*rows, strict=True)
    value = tuple(number % 2**40 for number in value)
    table = pa.table({"a": a, "b": b, "value": value})
    parts = split_into_parts(table, ["a", "b"])
    groups = [(part.group["a"], part.group["b"]) for part in parts]
    assert groups == sorted(set(zip(a, b, strict=True)))
    whole = [row for part in parts for row in read(part).to_pylist()]
    assert sorted(map(str, whole)) == sorted(map(str, table.to_pylist()))
    for part in parts:
        assert {(row["a"], row["b"]) for row in read(part).to_pylist()} == {(part.group["a"], part.group["b"])}


def test_groups_of_other_types_are_written_as_text() -> None:
    table = pa.table({"day": [date(2013, 1, 2), date(2013, 1, 1)], "share": [0.5, 0.25]})
    parts = split_into_parts(table, ["day", "share"])
    assert [part.group for part in parts] == [
        {"day": "2013-01-01", "share": "0.25"},
        {"day": "2013-01-02", "share": "0.5"},
    ]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_value_in_commit_by_is_refused(missing: float | None) -> None:
    with refused(what=["day", 2, 3], where="Source.commit_by", remedy="commit_by"):
        split_into_parts(pa.table({"day": pa.array([1.0, missing, missing])}), ["day"])


def test_lists_in_commit_by_are_refused() -> None:
    with refused(what=["day", "list"], where="Source.commit_by"):
        split_into_parts(pa.table({"day": [[1], [2]]}), ["day"])


def test_both_zeros_are_groups_of_their_own() -> None:
    """They are equal: each row must still be in one version only."""
    parts = split_into_parts(pa.table({"day": [0.0, -0.0, 1.0]}), ["day"])
    assert [part.rows.num_rows for part in parts] == [1, 1, 1]


def test_lost_rows_are_refused_with_both_numbers() -> None:
    with refused(what=[60, 40], where="commit_by"):
        check_rows_are_conserved(60, 40, "commit_by")
    check_rows_are_conserved(60, 60, "commit_by")


def test_the_hash_of_a_part_depends_on_its_content_alone() -> None:
    chunked = pa.concat_tables([ROWS.slice(0, 2), ROWS.slice(2)])
    assert [part.sha256 for part in split_into_parts(chunked, [])] == [
        part.sha256 for part in split_into_parts(ROWS, [])
    ]
    longer = pa.concat_tables([ROWS, pa.table({"day": [4], "value": ["f"]})])
    old, new = split_into_parts(ROWS, ["day"]), split_into_parts(longer, ["day"])
    assert [part.sha256 for part in old] == [part.sha256 for part in new[:-1]]
    assert len({part.sha256 for part in new}) == len(new)


def test_groups_of_columns_whose_names_look_like_paths() -> None:
    table = pa.table({".a": [2, 1, 2], "[0]": ["x", "y", "x"]})
    parts = split_into_parts(table, (".a", "[0]"))
    assert [(part.group, part.rows.num_rows) for part in parts] == [
        ({".a": 1, "[0]": "y"}, 1),
        ({".a": 2, "[0]": "x"}, 2),
    ]
