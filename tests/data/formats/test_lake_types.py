from typing import Any

import pyarrow as pa
import pytest

from firelib.data.formats.lake_types import RAW_TYPE, ZONE, check_names, to_lake_types
from tests.errors import refused


def convert(column: Any) -> pa.Table:
    return to_lake_types(pa.table({"c": column}), "rows.feather")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([255, None], pa.uint8()), pa.int16()),
        (pa.array([2**32 - 1], pa.uint32()), pa.int64()),
        (pa.array([1.5], pa.float16()), pa.float32()),
        (pa.array(["a", None, "a"]).dictionary_encode(), pa.string()),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None]), pa.string()),
        (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16))), pa.binary()),
        (pa.array([[{"a": 200}]], pa.list_(pa.struct([("a", pa.uint8())]))), pa.list_(pa.struct([("a", pa.int16())]))),
    ],
)
def test_types_that_delta_lacks_are_widened_or_decoded(column: Any, kind: pa.DataType) -> None:
    table = convert(column)
    assert table.schema.field("c").type == kind
    assert table.schema.field("c").metadata == {RAW_TYPE: str(column.type).encode()}
    raw = [value.bytes if column.type == pa.uuid() and value else value for value in column.to_pylist()]
    assert table["c"].to_pylist() == raw


def test_times_of_day_and_durations_are_microseconds() -> None:
    assert convert(pa.array([61], pa.time32("s")))["c"].to_pylist() == [61_000_000]
    assert convert(pa.array([-2, None], pa.duration("ms")))["c"].to_pylist() == [-2000, None]


def test_a_time_zone_is_recorded() -> None:
    berlin = convert(pa.array([0], pa.timestamp("us", "Europe/Berlin"))).schema.field("c")
    assert berlin.type == pa.timestamp("us", "Europe/Berlin")
    assert berlin.metadata == {ZONE: b"Europe/Berlin"}
    assert convert(pa.array([0], pa.timestamp("s", "UTC"))).schema.field("c").metadata is None


@pytest.mark.parametrize(
    ("column", "named"),
    [
        (pa.array([2**63], pa.uint64()), ["uint64", 2**63]),
        (pa.array([1001], pa.timestamp("ns")), ["timestamp", "lose", 1001]),
        (pa.array([2**60], pa.timestamp("s")), ["timestamp", 2**60]),
        (pa.array([1], pa.time64("ns")), ["time64", "lose"]),
        (pa.array([2**62], pa.duration("s")), ["duration", 2**62]),
        (pa.array([0], pa.timestamp("us", "Mars/Olympus")), ["zone", "Mars/Olympus"]),
        (pa.array([[0]], pa.list_(pa.timestamp("us", "Asia/Tokyo"))), ["zone", "Asia/Tokyo"]),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), ["month_day_nano_interval"]),
        (pa.array([{}], pa.struct([])), ["struct", "no fields"]),
        (pa.array([[1]], pa.list_view(pa.int64())), ["list_view"]),
        (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "A"]), ["struct", "a"]),
    ],
)
def test_other_values_are_refused_with_their_column(column: Any, named: list[str | int]) -> None:
    with refused(what=["c", *named], where="rows.feather", remedy="types"):
        convert(column)


def test_all_columns_are_refused_at_once() -> None:
    table = pa.table({"a": pa.array([2**63], pa.uint64()), "b": pa.array([1], pa.timestamp("ns")), "c": [1]})
    with refused(what=[("a", "uint64"), ("b", "timestamp")], where="rows.parquet"):
        to_lake_types(table, "rows.parquet")


@pytest.mark.parametrize("names", [["x", "y", "x"], ["x", "X"]])
def test_repeated_names_are_refused(names: list[str]) -> None:
    with refused(what=[names[0], names[-1]], where="rows.csv"):
        check_names(names, "rows.csv")


def test_a_name_with_nul_is_refused() -> None:
    with refused(what=repr("a\0b"), where="rows.csv", remedy="rename"):
        check_names(["a", "a\0b"], "rows.csv")
