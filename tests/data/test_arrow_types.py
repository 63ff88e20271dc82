"""Every Arrow type from a raw file to `transform` and into shards: equal values, or a named refusal."""

import ast
import re
import tempfile
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from firelib import open_dataset
from firelib.data.dataset_manifest import build_manifest, count_rows
from firelib.data.extract import extract
from firelib.data.joined_table import join_tables
from firelib.data.prepare import prepare_partition
from firelib.data.shard_gather import gather_shards, group_shards, plan_shards
from firelib.data.split.position import HASH_SPACE, HashRange
from firelib.data.vocabularies.fitted_features import fit_features
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Feature, Recipe, Source
from firelib.tfrecord.format.manifest import MANIFEST_NAME
from tests.data.arrow_tables import PARTIAL, Column, SetAsideError, plain, tables
from tests.examples import examples


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


def find_refused(error: FirelibError) -> set[str]:
    """The columns that an error names, each on a line of its own."""
    lines = re.finditer(r"^column ('.*?'|\".*?\")(?= of type|: )", error.what, re.MULTILINE)
    return {ast.literal_eval(line[1]) for line in lines}


@examples(25)
@given(tables(), st.integers(1, 3))
def test_values_arrive_unchanged_or_their_column_is_refused(
    drawn: tuple[pa.Table, dict[str, Column]], partitions: int
) -> None:
    """From a raw file through the lake and `transform` to a shard: no value changes, no row is lost."""
    table, columns = drawn
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            frame = read_through_lake(table, folder)
        except FirelibError as error:
            check_refusal(error, table, folder)
            return
        check_frame(frame, table)
        check_shard(frame, table, columns, partitions, folder)


@examples(10)
@given(tables(named=True))
def test_names_of_columns_arrive_unchanged_or_are_refused(drawn: tuple[pa.Table, dict[str, Column]]) -> None:
    table, columns = drawn
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            frame = read_through_lake(table, folder)
        except FirelibError as error:
            check_named(error, folder)
            return
        check_frame(frame, table)
        check_shard(frame, table, columns, 1, folder)


def check_named(error: FirelibError, folder: Path) -> None:
    assert str(folder / "rows.parquet") in str(error.where)
    assert error.remedy


def check_refusal(error: FirelibError, table: pa.Table, folder: Path) -> None:
    """A refusal names the source and the columns, which have values that the lake cannot store."""
    check_named(error, folder)
    if not table.num_rows:
        assert "has no rows" in error.what
        return
    refused = find_refused(error)
    assert refused
    assert {table.schema.field(column).type for column in refused} <= set(PARTIAL)


def check_frame(frame: pd.DataFrame, table: pa.Table) -> None:
    assert list(frame.columns) == table.column_names
    actual = pa.Table.from_pandas(frame, preserve_index=False)
    for column in table.column_names:
        assert plain(actual[column].to_pylist()) == plain(table[column].to_pylist()), table.schema.field(column)


def check_shard(
    frame: pd.DataFrame, table: pa.Table, columns: dict[str, Column], partitions: int, folder: Path
) -> None:
    """Each row is in the shard with its values, or set aside because a value breaks a declaration."""
    features = tuple(column.feature for column in columns.values() if column.feature)
    recipe, ranges = recipe_of(folder, features), {"train": HashRange(0, HASH_SPACE)}
    parts = [
        prepare_partition(frame.iloc[index::partitions], recipe, ranges, str(folder)) for index in range(partitions)
    ]
    set_aside = {row for part in parts for row in part.set_aside["id"].to_pylist()}
    (folder / "shards").mkdir()
    plans = plan_shards(recipe, sum((part.splits for part in parts), Counter()), ranges, 2**20, 100)
    tasks = group_shards(plans, [part.file for part in parts if part.file], table.num_rows)
    gathered = [shard for task in tasks for shard in gather_shards(task, recipe, str(folder / "shards"))]
    rejected = pa.concat_tables([part.set_aside for part in parts], promote_options="permissive")
    features = fit_features(recipe, gathered, str(folder), str(folder), str(folder))
    manifest = build_manifest(recipe, features, {"t": 0}, parts, gathered, rejected)
    (folder / "shards" / MANIFEST_NAME).write_bytes(manifest.to_json())
    rows = open_dataset(str(folder / "shards")).as_arrow("train").to_pylist() if gathered else []  # all set aside
    read = {row.pop("id"): row for row in rows}
    assert sum(each.shard.rows for each in gathered) == len(read)
    assert len(set(count_rows(manifest))) == 1
    expected, broken = expected_rows(table, columns)
    assert set_aside == broken
    assert {row: {name: plain(value) for name, value in values.items()} for row, values in read.items()} == expected


def expected_rows(table: pa.Table, columns: dict[str, Column]) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """Id → what a shard must hold, and the ids of the rows that must be set aside."""
    expected, broken = {}, set()
    for row in table.to_pylist():
        try:
            values = {name: column.stored(row[name]) for name, column in columns.items() if column.feature}
        except SetAsideError:
            broken.add(row["id"])
            continue
        expected[row["id"]] = {name: plain(value) for name, value in values.items()}
    return expected, broken


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
    recipe, shards = recipe_of(tmp_path, features), tmp_path / "shards"
    partition = prepare_partition(frame, recipe, ranges, str(tmp_path))
    assert partition.file
    assert partition.set_aside["struct"].to_pylist() == [{"a": 3}]
    shards.mkdir()
    (task,) = group_shards(plan_shards(recipe, partition.splits, ranges, 2**20, 100), [partition.file], rows)
    shard = gather_shards(task, recipe, str(shards))[0].shard
    assert shard.rows + partition.set_aside.num_rows == rows
    read = sorted(open_dataset(str(shards)).as_arrow("train").to_pylist(), key=lambda row: row["price"])
    assert [row["price"] for row in read] == [0.5, 1.5, 2.5, 4.5]
    assert [row["day"] for row in read] == [b"2013-01-01", b"2013-01-02", b"2013-01-03", b"2013-01-05"]
