from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from firelib.data.extract import extract
from firelib.data.joined_table import join_tables
from firelib.data.row_validation import REASON
from firelib.data.split import HASH
from firelib.recipe import RESERVED_COLUMNS
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
