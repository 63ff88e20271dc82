from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.lake import (
    Lake,
    append_part,
    committed_parts,
    holds,
    open_table,
    read_lake,
    set_aside,
    split_into_parts,
    table_record,
)
from tests.errors import refused
from tests.full_disk import small_disk

ROWS = pa.table({"day": [2, 1, 2, 1, 3], "value": ["a", "b", "c", None, "e"]})


def lake_of(versions: int) -> Lake:
    parts = split_into_parts(pa.table({"day": list(range(versions))}), ["day"])
    return Lake(recipe="r", tables={"t": table_record("t.csv", "0", ROWS.schema, parts)})


def test_each_group_is_a_part_in_ascending_order() -> None:
    parts = split_into_parts(ROWS, ["day"])
    assert [part.group for part in parts] == [{"day": 1}, {"day": 2}, {"day": 3}]
    assert [part.rows["value"].to_pylist() for part in parts] == [["b", None], ["a", "c"], ["e"]]


def test_without_groups_a_table_is_one_part() -> None:
    (part,) = split_into_parts(ROWS, [])
    assert part.rows.equals(ROWS)
    assert part.group == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.integers()), min_size=1, max_size=40))
def test_parts_hold_every_row_once(rows: list[tuple[int, str, int]]) -> None:
    a, b, value = zip(*rows, strict=True)
    value = tuple(number % 2**40 for number in value)
    table = pa.table({"a": a, "b": b, "value": value})
    parts = split_into_parts(table, ["a", "b"])
    groups = [(part.group["a"], part.group["b"]) for part in parts]
    assert groups == sorted(set(zip(a, b, strict=True)))
    whole = [row for part in parts for row in part.rows.to_pylist()]
    assert sorted(map(str, whole)) == sorted(map(str, table.to_pylist()))
    for part in parts:
        assert {(row["a"], row["b"]) for row in part.rows.to_pylist()} == {(part.group["a"], part.group["b"])}


def test_groups_of_other_types_are_written_as_text() -> None:
    table = pa.table({"day": [date(2013, 1, 2), date(2013, 1, 1)], "share": [0.5, 0.25]})
    parts = split_into_parts(table, ["day", "share"])
    assert [part.group for part in parts] == [
        {"day": "2013-01-01", "share": "0.25"},
        {"day": "2013-01-02", "share": "0.5"},
    ]


def test_a_row_without_a_group_is_not_lost_in_silence() -> None:
    with refused(what=["day", 2], where="Source.commit_by"):
        split_into_parts(pa.table({"day": [1, None, None]}), ["day"])


def test_the_hash_of_a_part_depends_on_its_content_alone() -> None:
    chunked = pa.concat_tables([ROWS.slice(0, 2), ROWS.slice(2)])
    assert [part.sha256 for part in split_into_parts(chunked, [])] == [
        part.sha256 for part in split_into_parts(ROWS, [])
    ]
    longer = pa.concat_tables([ROWS, pa.table({"day": [4], "value": ["f"]})])
    old, new = split_into_parts(ROWS, ["day"]), split_into_parts(longer, ["day"])
    assert [part.sha256 for part in old] == [part.sha256 for part in new[:-1]]
    assert len({part.sha256 for part in new}) == len(new)


def test_versions_can_be_travelled_to(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    assert open_table(uri) is None
    assert committed_parts(uri) == []
    parts = split_into_parts(ROWS, ["day"])
    for part in parts:
        append_part(uri, part)
    assert committed_parts(uri) == [part.sha256 for part in parts]
    first, newest = open_table(uri, 0), open_table(uri)
    assert first is not None
    assert newest is not None
    assert first.to_pyarrow_table()["day"].to_pylist() == [1, 1]
    assert newest.version() == 2
    assert open_table(uri, 3) is None


def test_a_table_holds_a_record_when_its_first_versions_do(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    record = table_record("t.csv", "0", ROWS.schema, parts[:2])
    assert not holds(uri, record)
    append_part(uri, parts[0])
    assert not holds(uri, record)
    append_part(uri, parts[1])
    append_part(uri, parts[2])
    assert holds(uri, record)
    assert not holds(uri, table_record("t.csv", "0", ROWS.schema, [parts[1], parts[0]]))


def test_what_is_set_aside_can_still_be_read(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, [])
    append_part(uri, parts[0])
    aside = set_aside(uri)
    assert open_table(uri) is None
    assert committed_parts(aside) == [parts[0].sha256]
    append_part(uri, parts[0])
    assert set_aside(uri) == aside
    assert committed_parts(aside) == [parts[0].sha256]


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    noise = pa.table({"day": range(50_000), "value": [str(hash(str(number))) for number in range(50_000)]})
    with small_disk(tmp_path / "disk", 512):
        uri = str(tmp_path / "disk" / "t")
        append_part(uri, split_into_parts(ROWS, [])[0])
        with refused(what="disk", where=uri, remedy="space"):
            append_part(uri, split_into_parts(noise, [])[0])
        assert len(committed_parts(uri)) == 1


def test_wanted_version() -> None:
    lake = lake_of(3)
    assert [lake.version_of("t", wanted) for wanted in (None, 0, 2)] == [2, 0, 2]
    with refused(what=["t", 0, 2, 3], where=["params.yaml", "data.version"], remedy="firelib data log"):
        lake.version_of("t", 3)


def test_a_table_that_never_grew_has_one_version_for_all() -> None:
    assert lake_of(1).version_of("t", 5) == 0


def test_lake_json_comes_back_as_it_was_written(tmp_path: Path) -> None:
    lake_of(3).write(tmp_path / "lake.json")
    assert read_lake(tmp_path / "lake.json") == lake_of(3)


@pytest.mark.parametrize("content", ["[]", '{"recipe": "r"}', '{"recipe": "r", "tables": {"t": {}}}'])
def test_another_file_is_no_lake_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "lake.json").write_text(content)
    with refused(what="lake.json", where=tmp_path / "lake.json", remedy="firelib extract"):
        read_lake(tmp_path / "lake.json")
