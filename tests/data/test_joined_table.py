from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from firelib.config import Split
from firelib.data.extract import extract
from firelib.data.joined_table import join_tables
from firelib.data.row_validation import REASON
from firelib.data.split.position import HASH
from firelib.recipe import RESERVED_COLUMNS, Feature
from tests.errors import refused
from tests.recipes.tiny import Tiny, project, tiny_recipe, write_sources


class ReservedName(Tiny):
    column = ""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).assign(**{self.column: 1})


class ListKey(Tiny):
    key = ("tags",)

    def transform(self, tables: Mapping[str, Any]) -> Any:
        rows, kind = super().transform(tables), pd.ArrowDtype(pa.list_(pa.int64()))
        empty = pd.Series(name="tags", dtype=kind)
        tags = rows["id"].map_partitions(lambda ids: pd.Series([[1]] * len(ids), ids.index, kind), meta=empty)
        return rows.assign(tags=tags)


def test_a_key_of_lists_is_refused_before_rows_are_read(tmp_path: Path) -> None:
    write_sources(tmp_path)
    recipe, paths = tiny_recipe(tmp_path, commit_by=(), kind=ListKey), project(tmp_path)[1]
    lake = extract(recipe, paths)
    with refused(what=["tags", "list"], where="transform", remedy="key"):
        join_tables(recipe, paths.lake, lake.resolve_versions(None))


def test_the_columns_that_firelib_adds_are_reserved() -> None:
    assert {REASON, HASH} == RESERVED_COLUMNS


class RepeatedKey(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        rows = super().transform(tables)
        return rows.assign(twin=rows["id"]).rename(columns={"twin": "id"})


def test_repeated_names_of_columns(tmp_path: Path) -> None:
    write_sources(tmp_path)
    recipe, paths = tiny_recipe(tmp_path, commit_by=(), kind=RepeatedKey), project(tmp_path)[1]
    lake = extract(recipe, paths)
    with refused(what="id", where=["tiny", "transform"], remedy="rename"):
        join_tables(recipe, paths.lake, lake.resolve_versions(None))


@pytest.mark.parametrize("column", sorted(RESERVED_COLUMNS))
def test_reserved_names_of_columns(tmp_path: Path, column: str) -> None:
    write_sources(tmp_path)
    recipe, paths = tiny_recipe(tmp_path, commit_by=(), kind=ReservedName), project(tmp_path)[1]
    recipe.column = column  # type: ignore[attr-defined]
    lake = extract(recipe, paths)
    with refused(what=column, where=["tiny", "transform"], remedy="rename"):
        join_tables(recipe, paths.lake, lake.resolve_versions(None))


class UnknownGroup(Tiny):
    split_by = ("shopp",)


class TextTime(Tiny):
    features = (*Tiny.features, Feature("extra", "int64"))
    split_time = "state"


class NumberedFold(Tiny):
    split_column = "day"


class ListStratum(ListKey):
    key = ("day", "id")
    stratify_by = ("tags",)


@pytest.mark.parametrize(
    ("kind", "what", "remedy"),
    [
        (UnknownGroup, ["shopp"], "shop"),
        (TextTime, ["extra", "split_time", "state", "large_string"], "state"),
        (NumberedFold, ["split_column", "day", "int64"], "Source.types"),
        (ListStratum, ["stratum", "tags", "list"], "stratum"),
    ],
)
def test_unsuitable_columns_for_the_split_are_refused_before_rows_are_read(
    tmp_path: Path, kind: type[Tiny], what: list[str], remedy: str
) -> None:
    write_sources(tmp_path)
    recipe, paths = tiny_recipe(tmp_path, commit_by=(), kind=kind), project(tmp_path)[1]
    lake = extract(recipe, paths)
    with refused(what=what, where="transform", remedy=remedy):
        join_tables(recipe, paths.lake, lake.resolve_versions(None), Split(validation_from=2, test_from=3))


class GuessedMeta(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).map_partitions(city_length)


def city_length(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(length=rows["shop"].map({f"s{number}": number for number in range(6)}).astype("int64"))


def test_an_error_with_invented_rows_says_so(tmp_path: Path) -> None:
    write_sources(tmp_path)
    recipe, paths = tiny_recipe(tmp_path, commit_by=(), kind=GuessedMeta), project(tmp_path)[1]
    lake = extract(recipe, paths)
    with refused(
        what=["two rows", "invents"], where=["tiny", "transform", Path(__file__).name], remedy=["@rows", "meta"]
    ):
        join_tables(recipe, paths.lake, lake.resolve_versions(None))


class PandasResult(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).compute(scheduler="synchronous")


def test_a_pandas_result_has_the_same_rows(tmp_path: Path) -> None:
    write_sources(tmp_path)
    frames = []
    for kind in (Tiny, PandasResult):
        recipe, paths = tiny_recipe(tmp_path, kind=kind), project(tmp_path)[1]
        frame = join_tables(recipe, paths.lake, extract(recipe, paths).resolve_versions(None))
        frames.append(frame.compute(scheduler="synchronous").sort_values("id").reset_index(drop=True))
    pd.testing.assert_frame_equal(*frames)
