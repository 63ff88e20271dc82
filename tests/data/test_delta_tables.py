import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from firelib.data.delta_tables import (
    OpenTables,
    append_part,
    build_table_record,
    check_table_paths,
    count_rows,
    matches_record,
    open_table,
    read_part_hashes,
)
from firelib.data.parts.part import Part, split_into_parts
from firelib.data.tables import read_table
from tests.errors import refused
from tests.full_disk import small_disk
from tests.patience import patience

ROWS = pa.table({"day": [2, 1, 2, 1, 3], "value": ["a", "b", "c", None, "e"]})


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


def test_a_table_has_the_parts_of_a_record_in_any_order(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    first, swapped, other = (
        build_table_record("t.csv", "0", ROWS.schema, some)
        for some in (parts[:2], [parts[1], parts[0]], [parts[0], parts[2]])
    )
    append_part(uri, parts[0], 0)
    assert not OpenTables(str(tmp_path)).has_parts("t", first)
    append_part(uri, parts[1], 1)
    append_part(uri, parts[2], 2)
    assert OpenTables(str(tmp_path)).has_parts("t", first)
    assert OpenTables(str(tmp_path)).has_parts("t", swapped)
    assert not OpenTables(str(tmp_path)).has_parts("t", other)


def test_the_history_tells_the_parts_of_files_with_other_names(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, ["day"])
    append_part(uri, parts[0], 0)
    pinned, other = (build_table_record("t.csv", "0", ROWS.schema, [part]) for part in parts[:2])
    for file in (tmp_path / "t").rglob("*"):  # as if Delta's library had named the data file
        if file.suffix == ".json":
            file.write_text(file.read_text().replace(f"part-{parts[0].sha256}", "part-00001"))
        elif file.suffix == ".parquet":
            file.rename(file.with_name(file.name.replace(f"part-{parts[0].sha256}", "part-00001")))
    assert len(read_table(uri, 0)) == parts[0].rows.num_rows
    assert OpenTables(str(tmp_path)).has_parts("t", pinned)
    assert not OpenTables(str(tmp_path)).has_parts("t", other)


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
    first_line = content.index(b"\n")
    for damage in (log.unlink, lambda: log.write_bytes(content[: first_line // 2])):
        damage()
        with refused(what="log", where=uri, remedy="firelib extract"):
            read_part_hashes(uri)
    log.write_bytes(content[: (first_line + len(content)) // 2])  # the name of the data file is lost
    with refused(where=uri, remedy="firelib extract"):
        read_table(uri, len(parts) - 1)


def test_a_deleted_file_of_a_table_is_named(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    append_part(uri, split_into_parts(ROWS, [])[0], 0)
    file = next((tmp_path / "t").glob("*.parquet"))
    file.unlink()
    with refused(what="deleted", where=file, remedy=["firelib extract", uri]):
        read_table(uri, 0)


@pytest.mark.parametrize("name", ["a?b", "a#b", "a*b", "a%20b", "a[1]"])
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
