"""Every Arrow type from a raw file to `transform` and into shards: equal values, or a named refusal."""

import tempfile
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib import open_dataset
from firelib.data.extract import extract
from firelib.data.joined_table import join_tables
from firelib.data.prepare import prepare_partition
from firelib.data.shard_gather import gather_shard, plan_shards
from firelib.data.split import HASH_SPACE, HashRange
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Feature, Recipe, Source

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
MICROSECONDS = st.integers(-(10**15), 10**15)


def whole(low: int, high: int) -> st.SearchStrategy[Any]:
    return st.integers(low, high) | st.sampled_from([low, high, 0])


#: Values of each type. A type in `PARTIAL` has values that the lake cannot store.
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    **{pa.type_for_alias(f"int{bits}"): whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{pa.type_for_alias(f"uint{bits}"): whole(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.binary(): st.binary(max_size=5),
    pa.binary(2): st.binary(min_size=2, max_size=2),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "é", ""]),
    pa.decimal128(38, 0): whole(-(10**38) + 1, 10**38 - 1).map(Decimal),
    pa.decimal128(5, 2): st.decimals(-999, 999, places=2),
    pa.decimal256(60, 0): whole(-(10**50), 10**50).map(Decimal),
    pa.date32(): st.dates(),
    pa.timestamp("s"): st.integers(-(10**10), 10**10),
    pa.timestamp("ms", "UTC"): MICROSECONDS.map(lambda value: value // 1000),
    pa.timestamp("us", "Europe/Berlin"): MICROSECONDS,
    pa.timestamp("ns"): MICROSECONDS.map(lambda value: value * 500),
    pa.time32("s"): st.integers(0, 86399),
    pa.time64("ns"): st.integers(0, 86_399_999_999).map(lambda value: value * 500),
    pa.duration("ms"): MICROSECONDS,
    pa.list_(pa.float32()): st.lists(st.none() | st.floats(width=32), max_size=3),
    pa.list_(pa.uint8(), 2): st.lists(st.integers(0, 255), min_size=2, max_size=2),
    pa.struct([("a", pa.int64()), ("b", pa.string())]): st.fixed_dictionaries({"a": st.integers(0, 9), "b": TEXT}),
    pa.map_(pa.string(), pa.int64()): st.dictionaries(TEXT, st.integers(0, 9), max_size=2).map(
        lambda members: list(members.items())
    ),
    pa.null(): st.none(),
}
PARTIAL = [pa.uint64(), pa.timestamp("ns"), pa.time64("ns"), pa.decimal256(60, 0)]


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A table of up to four columns, with nulls, and a column `id`."""
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    rows = draw(st.integers(1, 6))
    columns = {
        f"c{index}": pa.array(draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)), kind)
        for index, kind in enumerate(kinds)
    }
    return pa.table({"id": range(rows), **columns})


class AllColumns(Recipe):
    """One table, as it is."""

    name = "all"
    label = Feature("id", "int64")
    key = ("id",)

    def transform(self, tables: Any) -> Any:
        return tables["t"]


def recipe_of(path: Path, features: tuple[Feature, ...] = ()) -> Recipe:
    recipe = AllColumns()
    recipe.sources = {"t": Source(str(path))}  # type: ignore[misc]
    recipe.features = features  # type: ignore[misc]
    return recipe


def read_through_lake(table: pa.Table, folder: Path) -> pd.DataFrame:
    """The frame that `transform` gets of a Parquet file with a table."""
    pq.write_table(table, folder / "rows.parquet")
    recipe, paths = recipe_of(folder / "rows.parquet"), Paths("all", str(folder / "storage"), folder)
    lake = extract(recipe, paths)
    return join_tables(recipe, paths.lake, lake.resolve_versions(None)).compute(scheduler="sync")


def plain(value: Any) -> Any:
    """A value in the type that the documentation promises."""
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return None if value != value else value
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


@settings(max_examples=40, deadline=None)
@given(tables())
def test_values_arrive_unchanged_or_their_column_is_refused(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            frame = read_through_lake(table, Path(folder))
        except FirelibError as error:
            refused = {line.split("'")[1] for line in error.what.splitlines() if line.startswith("column '")}
            assert refused
            assert {table.schema.field(column).type for column in refused} <= set(PARTIAL)
            return
    assert list(frame.columns) == table.column_names
    actual = pa.Table.from_pandas(frame, preserve_index=False)
    for column in table.column_names:
        assert plain(actual[column].to_pylist()) == plain(table[column].to_pylist()), table.schema.field(column)


def test_arithmetic_with_decimals_and_local_hours(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1],
            "a": pa.array([Decimal(5)], pa.decimal128(38, 0)),
            "z": pa.array([0], pa.timestamp("s", "Europe/Berlin")),
            "d": [date(2013, 5, 1)],
        }
    )
    frame = read_through_lake(table, tmp_path)
    assert (frame["a"] + frame["a"]).tolist() == [10]
    assert (frame["a"] * 2).tolist() == [10]
    assert frame["z"].dt.hour.tolist() == [1]
    assert frame["d"].dt.month.tolist() == [5]


def test_columns_of_all_kinds_become_features(tmp_path: Path) -> None:
    rows = 5
    table = pa.table(
        {
            "id": range(rows),
            "price": pa.array([Decimal(f"{index}.50") for index in range(rows)]),
            "pair": pa.array([[index, 255] for index in range(rows)], pa.list_(pa.uint8(), 2)),
            "words": [["a"] * index for index in range(rows)],
            "day": [date(2013, 1, 1 + index) for index in range(rows)],
            "struct": [{"a": index} for index in range(rows)],
            "pixel": pa.array([0, 1, 255, None, 4], pa.uint8()),
        }
    )
    features = (
        Feature("price", "float32"),
        Feature("pair", "uint8", shape=(2,)),
        Feature("words", "string", ragged=True),
        Feature("day", "string", max_length=10),
        Feature("pixel", "uint8"),
    )
    frame, ranges = read_through_lake(table, tmp_path), {"train": HashRange(0, HASH_SPACE)}
    recipe, prepared, shards = recipe_of(tmp_path, features), str(tmp_path / "0.parquet"), tmp_path / "shards"
    partition = prepare_partition(frame, recipe, ranges, prepared)
    assert partition.set_aside["struct"].to_pylist() == [{"a": 3}]
    shards.mkdir()
    (plan,) = plan_shards(recipe, partition.splits, ranges, 2**20, 100)
    shard = gather_shard(plan, recipe, [prepared], str(shards)).shard
    assert shard.rows + partition.set_aside.num_rows == rows
    read = sorted(open_dataset(str(shards)).as_arrow("train").to_pylist(), key=lambda row: row["price"])
    assert [row["price"] for row in read] == [0.5, 1.5, 2.5, 4.5]
    assert [row["day"] for row in read] == [b"2013-01-01", b"2013-01-02", b"2013-01-03", b"2013-01-05"]
