import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.delta_tables import (
    Part,
    append_part,
    build_table_record,
    check_rows_are_conserved,
    check_table_paths,
    count_rows,
    matches_record,
    open_table,
    read_part_hashes,
    split_into_parts,
    supersede_table,
)
from firelib.data.tables import read_table
from tests.errors import refused
from tests.full_disk import small_disk
from tests.patience import patience

ROWS = pa.table({"day": [2, 1, 2, 1, 3], "value": ["a", "b", "c", None, "e"]})


def test_each_group_is_a_part_in_ascending_order() -> None:
    parts = split_into_parts(ROWS, ["day"])
    assert [part.group for part in parts] == [{"day": 1}, {"day": 2}, {"day": 3}]
    assert [part.rows["value"].to_pylist() for part in parts] == [["b", None], ["a", "c"], ["e"]]


def test_without_groups_a_table_is_one_part() -> None:
    (part,) = split_into_parts(ROWS, [])
    assert part.rows.equals(ROWS)
    assert part.group == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.integers()), min_size=1, max_size=40))
def test_parts_contain_every_row_once(rows: list[tuple[int, str, int]]) -> None:
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


def test_every_version_can_be_opened(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    assert open_table(uri) is None
    assert read_part_hashes(uri) == []
    assert count_rows(uri) == 0
    parts = split_into_parts(ROWS, ["day"])
    for version, part in enumerate(parts):
        append_part(uri, part, version)
    assert read_part_hashes(uri) == [part.sha256 for part in parts]
    first, newest = open_table(uri, 0), open_table(uri)
    assert first is not None
    assert newest is not None
    assert first.to_pyarrow_table()["day"].to_pylist() == [1, 1]
    assert newest.version() == 2
    assert count_rows(uri) == ROWS.num_rows
    assert open_table(uri, 3) is None


def test_a_table_matches_a_record_when_its_first_versions_do(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    record = build_table_record("t.csv", "0", ROWS.schema, parts[:2])
    assert not matches_record(uri, record)
    append_part(uri, parts[0], 0)
    assert not matches_record(uri, record)
    append_part(uri, parts[1], 1)
    append_part(uri, parts[2], 2)
    assert matches_record(uri, record)
    assert not matches_record(uri, build_table_record("t.csv", "0", ROWS.schema, [parts[1], parts[0]]))


def age(folder: Path, days: int) -> None:
    """Make the files of a folder older."""
    then = time.time() - days * 24 * 3600
    for file in folder.iterdir():
        os.utime(file, (then, then))


def test_old_versions_are_kept_for_ever(tmp_path: Path) -> None:
    """With a checkpoint, Delta would drop the log of versions that are older than a month."""
    parts = [Part({}, pa.table({"n": [number]})) for number in range(5)]
    uri, first = str(tmp_path), CommitProperties(custom_metadata={"firelib.part": parts[0].sha256})
    write_deltalake(uri, parts[0].rows, commit_properties=first, configuration={"delta.checkpointInterval": "2"})
    for version, part in enumerate(parts[1:], start=1):
        age(tmp_path / "_delta_log", days=100)
        append_part(uri, part, version)
    assert list((tmp_path / "_delta_log").glob("*.checkpoint.parquet"))
    assert read_part_hashes(uri) == [part.sha256 for part in parts]
    assert DeltaTable(uri, version=0).to_pyarrow_table()["n"].to_pylist() == [0]


def test_a_superseded_table_can_still_be_read(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, [])
    append_part(uri, parts[0], 0)
    superseded = supersede_table(uri)
    assert open_table(uri) is None
    assert read_part_hashes(superseded) == [parts[0].sha256]
    append_part(uri, parts[0], 0)
    assert supersede_table(uri) == superseded
    assert read_part_hashes(superseded) == [parts[0].sha256]


def test_two_processes_that_commit_at_once_write_each_version_once(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    start = Barrier(2)

    def commit() -> None:
        for version, part in enumerate(parts):
            start.wait(patience(60))
            append_part(uri, part, version)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(commit) for _ in range(2)]:
            done.result()
    assert read_part_hashes(uri) == [part.sha256 for part in parts]
    assert count_rows(uri) == ROWS.num_rows


def test_other_rows_of_another_process_are_not_appended_to(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    append_part(uri, parts[0], 0)
    append_part(uri, parts[0], 0)
    for version in (0, 2):
        with refused(what=f"version {version}", where=uri, remedy="storage.root"):
            append_part(uri, parts[1], version)
    assert read_part_hashes(uri) == [parts[0].sha256]


@pytest.mark.parametrize("entry", [0, 1])
def test_a_deleted_or_damaged_entry_of_the_log_is_explained(tmp_path: Path, entry: int) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    for version, part in enumerate(parts):
        append_part(uri, part, version)
    log = tmp_path / "t" / "_delta_log" / f"{entry:020}.json"
    content = log.read_bytes()
    for damage in (log.unlink, lambda: log.write_bytes(content[: len(content) // 2])):
        damage()
        with refused(what="log", where=uri, remedy="firelib extract"):
            read_part_hashes(uri)


def test_a_deleted_file_of_a_table_is_named(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    append_part(uri, split_into_parts(ROWS, [])[0], 0)
    file = next((tmp_path / "t").glob("*.parquet"))
    file.unlink()
    with refused(what="deleted", where=file, remedy=["firelib extract", uri]):
        read_table(uri, 0)


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a[1]"])
def test_prefixes_of_buckets_that_the_delta_library_mistakes_are_refused(name: str) -> None:
    with refused(what=[("'t'",)], where=f"s3://bucket/{name}", remedy="storage.root"):
        check_table_paths(f"s3://bucket/{name}/lake", ["t"])
    check_table_paths("s3://bucket/ünï code/lake", ["t"])


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    noise = pa.table({"day": range(50_000), "value": [str(hash(str(number))) for number in range(50_000)]})
    with small_disk(tmp_path / "disk", 512):
        uri = str(tmp_path / "disk" / "t")
        append_part(uri, split_into_parts(ROWS, [])[0], 0)
        with refused(what="disk", where=uri, remedy="space"):
            append_part(uri, split_into_parts(noise, [])[0], 1)
        assert len(read_part_hashes(uri)) == 1


def test_groups_of_columns_whose_names_look_like_paths() -> None:
    table = pa.table({".a": [2, 1, 2], "[0]": ["x", "y", "x"]})
    parts = split_into_parts(table, (".a", "[0]"))
    assert [(part.group, part.rows.num_rows) for part in parts] == [
        ({".a": 1, "[0]": "y"}, 1),
        ({".a": 2, "[0]": "x"}, 2),
    ]
