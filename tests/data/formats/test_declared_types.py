from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.formats.csv import read_csv
from firelib.data.formats.declared_types import cast_to_declared, infer_exact, to_arrow_type
from firelib.recipe import Source
from tests.errors import refused


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", None], pa.int64()),
        (["00001", "2"], pa.string()),
        (["-0"], pa.string()),
        (["0x10"], pa.string()),
        (["12345678901234567890"], pa.string()),
        (["1.5"], pa.float64()),
        (["1.10"], pa.string()),
        (["3E2"], pa.string()),
        (["true", "false"], pa.bool_()),
        (["True"], pa.string()),
        (["2013-01-01"], pa.date32()),
        (["2013-01-01T05:00:00Z"], pa.timestamp("s", "UTC")),
        (["2013-01-01 05:00"], pa.timestamp("s")),
        (["10:30"], pa.string()),
        ([None, None], pa.string()),
    ],
)
def test_a_key_gets_a_type_only_where_nothing_is_lost(texts: list[str | None], kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    assert infer_exact(column).type == kind


@given(st.lists(st.text("0123456789.-+eE_xTrue ", min_size=1, max_size=6), min_size=1, max_size=4))
def test_different_keys_stay_different(texts: list[str]) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    values = infer_exact(column)
    if not pa.types.is_temporal(values.type):
        assert values.cast(pa.string()).to_pylist() == texts


def test_names_of_types() -> None:
    assert to_arrow_type("decimal(10, 2)") == pa.decimal128(10, 2)
    assert to_arrow_type("timestamp(Europe/Berlin)") == pa.timestamp("us", "Europe/Berlin")
    assert [to_arrow_type(name) for name in ("string", "bytes", "date", "int8", "uint64", "float32", "bool")] == [
        *(pa.string(), pa.binary(), pa.date32(), pa.int8(), pa.uint64(), pa.float32(), pa.bool_())
    ]


def test_times_without_a_zone_are_times_of_the_declared_zone() -> None:
    source = Source("rows.parquet", types={"at": "timestamp(Europe/Berlin)"})
    noon = datetime(2024, 6, 1, 12)
    (at,) = cast_to_declared(pa.table({"at": [noon]}), source, "rows")["at"].to_pylist()
    assert at.replace(tzinfo=None) == noon
    assert at.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("written", ["2024-06-01 12:00:00", "2024-06-01 10:00:00Z"])
def test_zoned_times_of_a_csv(tmp_path: Path, written: str) -> None:
    (tmp_path / "rows.csv").write_text(f"at\n{written}\n")
    source = Source("rows.csv", types={"at": "timestamp(Europe/Berlin)"})
    (at,) = cast_to_declared(read_csv(tmp_path / "rows.csv", source), source, "rows")["at"].to_pylist()
    assert at.isoformat() == "2024-06-01T12:00:00+02:00"


def test_columns_are_cast_or_refused() -> None:
    table = pa.table({"big": pa.array([2**64 - 1], pa.uint64()), "x": [1]})
    cast = cast_to_declared(table, Source("rows.parquet", types={"big": "string"}), "rows.parquet")
    assert cast["big"].to_pylist() == ["18446744073709551615"]
    with refused(what=["big", "int64", 2**64 - 1], where="rows.parquet", remedy="types"):
        cast_to_declared(table, Source("rows.parquet", types={"big": "int64"}), "rows.parquet")
    with refused(what="bog", where="rows.parquet", remedy="big"):
        cast_to_declared(table, Source("rows.parquet", types={"bog": "int64"}), "rows.parquet")


def cast(values: list[Any], kind: pa.DataType, name: str) -> list[Any]:
    table = pa.table({"x": pa.array(values, kind)})
    source = Source("rows.parquet", types={"x": name})
    values: list[Any] = cast_to_declared(table, source, "rows.parquet")["x"].to_pylist()
    return values


NOON = datetime(2024, 6, 1, 12)
BERLIN = pa.timestamp("us", "Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "kind", "name", "found"),
    [
        (10, pa.int64(), "timestamp", "unit"),
        (10, pa.int64(), "timestamp(UTC)", "unit"),
        (10, pa.int32(), "date", "unit"),
        (NOON, pa.timestamp("s"), "int64", "unit"),
        (NOON, BERLIN, "int64", "unit"),
        (date(2024, 6, 1), pa.date32(), "int32", "unit"),
        (time(12), pa.time64("us"), "int64", "unit"),
        (timedelta(1), pa.duration("s"), "int64", "unit"),
        (NOON, pa.timestamp("s"), "date", "2024-06-01 12:00:00"),
        (NOON, BERLIN, "timestamp", "timestamp(Europe/Berlin)"),
        (2, pa.int64(), "bool", 2),
        (0.5, pa.float64(), "bool", 0.5),
        (float("nan"), pa.float64(), "bool", "nan"),
        (1.237, pa.float64(), "decimal(10, 2)", 1.237),
        (1e39, pa.float64(), "float32", "1e+39"),
        (2**53 + 1, pa.int64(), "float64", 2**53 + 1),
    ],
)
def test_a_cast_that_changes_the_meaning_is_refused(value: Any, kind: pa.DataType, name: str, found: Any) -> None:
    with refused(what=["'x'", name, found], where="rows.parquet", remedy="Source.types"):
        cast([None, value], kind, name)


@pytest.mark.parametrize(
    ("value", "kind", "name", "expected"),
    [
        (1, pa.int64(), "bool", True),
        (0.0, pa.float64(), "bool", False),
        (1.25, pa.float64(), "decimal(10, 2)", Decimal("1.25")),
        (0.47, pa.float64(), "decimal(10, 2)", Decimal("0.47")),
        (19.99, pa.float64(), "decimal(38, 2)", Decimal("19.99")),
        (1234567.89, pa.float64(), "decimal(38, 2)", Decimal("1234567.89")),
        (1001.0, pa.float64(), "string", "1001"),
        (float("nan"), pa.float64(), "string", None),
        (float("inf"), pa.float64(), "float32", float("inf")),
        (datetime(2024, 6, 1), pa.timestamp("s"), "date", date(2024, 6, 1)),
        (datetime(2024, 5, 31, 22, tzinfo=UTC), BERLIN, "date", date(2024, 6, 1)),
        (date(2024, 6, 1), pa.date32(), "timestamp(Europe/Berlin)", datetime(2024, 5, 31, 22, tzinfo=UTC)),
        ("true", pa.dictionary(pa.int8(), pa.string()), "bool", True),
    ],
)
def test_a_cast_that_keeps_the_meaning(value: Any, kind: pa.DataType, name: str, expected: Any) -> None:
    assert cast([None, value], kind, name) == [None, expected]


def test_a_decimal_with_too_many_digits_in_a_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n99999999999999999999\n")
    source = Source("rows.csv", types={"x": "decimal(20, 2)"})
    with refused(what=["'x'", "decimal(20, 2)"], where="rows.csv", remedy="Source.types"):
        cast_to_declared(read_csv(tmp_path / "rows.csv", source), source, "rows.csv")
