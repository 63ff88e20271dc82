from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

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


NOON = pa.array([datetime(2024, 1, 2), datetime(2024, 1, 2, 12)], pa.timestamp("us"))


@pytest.mark.parametrize(
    ("values", "kind", "named"),
    [
        (pa.array([0, 1, 2]), "bool", ["int64", 2]),
        (pa.array([1.0, 0.5]), "bool", ["double", 0.5]),
        (NOON, "date", "2024-01-02 12:00:00"),
        (NOON.cast(pa.timestamp("us", "UTC")), "timestamp", "timestamp(UTC)"),
        (pa.array([19.99, 0.125]), "decimal(10, 2)", 0.125),
    ],
)
def test_a_cast_that_changes_a_value_is_refused(values: pa.Array, kind: str, named: str | list[str | float]) -> None:
    named = named if isinstance(named, list) else [named]
    with refused(what=["x", kind, *named], where="rows.parquet", remedy="types"):
        cast_to_declared(pa.table({"x": values}), Source("rows.parquet", types={"x": kind}), "rows.parquet")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([0, 1, None]), "bool", [False, True, None]),
        (NOON[:1], "date", [date(2024, 1, 2)]),
        (pa.array([19.99, 1234567.89, None]), "decimal(38, 2)", [Decimal("19.99"), Decimal("1234567.89"), None]),
        (pa.array([1001.0, float("nan")]), "string", ["1001", None]),
    ],
)
def test_a_cast_that_keeps_the_values(values: pa.Array, kind: str, expected: list[object]) -> None:
    table = pa.table({"x": values})
    cast = cast_to_declared(table, Source("rows.parquet", types={"x": kind}), "rows.parquet")
    assert cast["x"].to_pylist() == expected
