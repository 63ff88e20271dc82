"""Partitions become smaller where memory is short, unless they would change the dataset."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from firelib.data.extract import extract
from firelib.data.memory.table_plans import (
    depends_on_partitions,
    estimate_task,
    plan_within_memory,
    report_small_partitions,
)
from firelib.data.memory.task_memory import TaskMemory
from firelib.data.tables import plan_tables
from firelib.recipe import Recipe
from tests.recipes.tiny import Tiny, order_rows, project, tiny_recipe, write_sources

_ASKED = 1 << 20


class Aggregating(Tiny):
    """A recipe whose samples have a sum over rows."""

    def transform(self, tables: Any) -> Any:
        rows = super().transform(tables)
        return rows.assign(share=rows["amount"] / rows["amount"].sum())


class Eager(Tiny):
    """A recipe that computes the sum while it describes the table: Dask's expression has only the number."""

    def transform(self, tables: Any) -> Any:
        rows = super().transform(tables)
        return rows.assign(share=rows["amount"] / rows["amount"].sum().compute())


class Sampling(Tiny):
    """A recipe that draws rows of each partition."""

    def transform(self, tables: Any) -> Any:
        return super().transform(tables).sample(frac=0.5, random_state=1)


class Numbering(Tiny):
    """A recipe that numbers the rows of each partition."""

    def transform(self, tables: Any) -> Any:
        return super().transform(tables).reset_index()


class Lagging(Tiny):
    """A recipe whose rows have a value of the row before."""

    def transform(self, tables: Any) -> Any:
        rows = super().transform(tables)
        return rows.assign(before=rows["amount"].shift(1))


class Placing(Tiny):
    """A recipe whose function gets the number of its partition."""

    def transform(self, tables: Any) -> Any:
        return super().transform(tables).map_partitions(place)


def place(rows: pd.DataFrame, partition_info: Any = None) -> pd.DataFrame:
    return rows.assign(place=partition_info["number"] if partition_info else 0)


class Failing(Tiny):
    """A recipe with a mistake."""

    def transform(self, tables: Any) -> Any:
        return tables["missing"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, int]]:
    folder = tmp_path_factory.mktemp("lake")
    write_sources(folder, order_rows())
    paths = project(folder)[1]
    return folder, paths.lake, extract(tiny_recipe(folder), paths).resolve_versions(None)


DEPENDENT = (Aggregating, Eager, Sampling, Numbering, Lagging, Placing, Failing)


@pytest.mark.parametrize(("kind", "expected"), [(Tiny, False), *((kind, True) for kind in DEPENDENT)])
def test_recipes_whose_table_depends_on_partitions(lake: Any, kind: type[Recipe], expected: bool) -> None:
    folder, uri, versions = lake
    assert depends_on_partitions(tiny_recipe(folder, kind=kind), plan_tables(uri, versions, _ASKED)) is expected


def test_the_estimate_counts_one_partition_of_each_table(lake: Any) -> None:
    _, uri, versions = lake
    tables = plan_tables(uri, versions, _ASKED)
    need = estimate_task(tables, _ASKED)
    assert need.rows_bytes == sum(table.largest_bytes for table in tables.values())
    assert "'orders'" in need.source
    read = sum(part.memory_usage(index=False, deep=True).sum() for part in map(_compute, tables.values()))
    assert read / 2 <= need.rows_bytes <= 2 * read


def _compute(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_dask().compute(scheduler="sync")
    return frame


@pytest.mark.parametrize(("kind", "smaller"), [(Tiny, True), (Aggregating, False)])
def test_little_memory_makes_smaller_partitions(
    lake: Any, capsys: pytest.CaptureFixture[str], kind: type[Recipe], smaller: bool
) -> None:
    def choose(need: TaskMemory) -> int:
        return int(need.value) // 512

    folder, uri, versions = lake
    plan = partial(plan_tables, uri, versions)
    tables, need = plan_within_memory(tiny_recipe(folder, kind=kind), plan, _ASKED, choose)
    report_small_partitions(need, _ASKED)
    assert need.value == (_ASKED // 512 if smaller else _ASKED)
    assert (len(tables["orders"].partitions) > 1) is smaller
    assert ("partitions of 0.0 MiB instead of 1.0 MiB" in capsys.readouterr().err) is smaller
