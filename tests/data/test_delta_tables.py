from pathlib import Path

import pyarrow as pa

from firelib.data.delta_tables import (
    append_part,
    build_table_record,
    count_rows,
    matches_record,
    open_table,
    read_part_hashes,
    supersede_table,
)
from firelib.data.parts.part import split_into_parts
from tests.errors import refused
from tests.full_disk import small_disk

ROWS = pa.table({"day": [2, 1, 2, 1, 3], "value": ["a", "b", "c", None, "e"]})


def test_every_version_can_be_opened(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    assert open_table(uri) is None
    assert read_part_hashes(uri) == []
    assert count_rows(uri) == 0
    parts = split_into_parts(ROWS, ["day"])
    for part in parts:
        append_part(uri, part)
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
    append_part(uri, parts[0])
    assert not matches_record(uri, record)
    append_part(uri, parts[1])
    append_part(uri, parts[2])
    assert matches_record(uri, record)
    assert not matches_record(uri, build_table_record("t.csv", "0", ROWS.schema, [parts[1], parts[0]]))


def test_a_superseded_table_can_still_be_read(tmp_path: Path) -> None:
    uri, parts = str(tmp_path / "t"), split_into_parts(ROWS, [])
    append_part(uri, parts[0])
    superseded = supersede_table(uri)
    assert open_table(uri) is None
    assert read_part_hashes(superseded) == [parts[0].sha256]
    append_part(uri, parts[0])
    assert supersede_table(uri) == superseded
    assert read_part_hashes(superseded) == [parts[0].sha256]


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    noise = pa.table({"day": range(50_000), "value": [str(hash(str(number))) for number in range(50_000)]})
    with small_disk(tmp_path / "disk", 512):
        uri = str(tmp_path / "disk" / "t")
        append_part(uri, split_into_parts(ROWS, [])[0])
        with refused(what="disk", where=uri, remedy="space"):
            append_part(uri, split_into_parts(noise, [])[0])
        assert len(read_part_hashes(uri)) == 1
