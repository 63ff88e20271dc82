"""Partitions of a recipe's tables that fit into the memory of workers."""

from collections.abc import Callable, Mapping

from dask.dataframe.dask_expr._cumulative import CumulativeAggregations
from dask.dataframe.dask_expr._expr import (
    Expr,
    Head,
    MapOverlap,
    MapPartitions,
    Partitions,
    ResetIndex,
    Sample,
    Tail,
)
from dask.dataframe.dask_expr._reductions import ApplyConcatApply

from firelib.console import note
from firelib.data.frames.conversion import to_dask
from firelib.data.generations.independence import EagerComputation
from firelib.data.memory.task_memory import TaskMemory
from firelib.data.tables import TablePlan
from firelib.recipe import Recipe

_MIB = 2**20
# Steps of Dask whose result depends on the partitions: in the last digits of sums, or in which rows there are.
_DEPENDENT = (ApplyConcatApply, CumulativeAggregations, MapOverlap, Sample, Head, Tail, Partitions)


def plan_within_memory(
    recipe: Recipe,
    plan: Callable[[int], dict[str, TablePlan]],
    partition_bytes: int,
    choose: Callable[[TaskMemory], int],
) -> tuple[dict[str, TablePlan], TaskMemory]:
    """Divide tables into partitions of the size that is asked for, or smaller ones where memory is short.

    The dataset must not depend on the machine. So partitions keep the size that is asked for where they may change it,
    such as the last digits of a sum of fractions.

    Args:
        recipe: Joins the tables in its `transform`.
        plan: Divides the tables into partitions of a size in memory, in bytes.
        partition_bytes: The size that is asked for, in bytes.
        choose: Chooses the size that fits, from the memory of a task with partitions of the size that is asked for.

    Returns:
        Table name → its partitions; and the memory of a task that joins one of each.

    Raises:
        FirelibError: A version has no rows.
    """
    tables = plan(partition_bytes)
    need = estimate_task(tables, partition_bytes)
    chosen = choose(need)
    if chosen == partition_bytes or depends_on_partitions(recipe, tables):
        return tables, need
    tables = plan(chosen)
    return tables, estimate_task(tables, chosen)


def report_small_partitions(need: TaskMemory, partition_bytes: int) -> None:
    """Say that partitions are smaller than asked for, if they are.

    Args:
        need: Memory of a task with the partitions that were chosen.
        partition_bytes: The size that was asked for, in bytes.
    """
    if need.value < partition_bytes:
        note(
            f"little memory: partitions of {need.value / _MIB:,.1f} MiB instead of {partition_bytes / _MIB:,.1f} MiB "
            "(data.partition_bytes); the dataset is the same"
        )


def estimate_task(tables: Mapping[str, TablePlan], partition_bytes: int) -> TaskMemory:
    """Memory of a task that reads and joins one partition of each table.

    Args:
        tables: Table name → its partitions.
        partition_bytes: Target size of a partition in memory, in bytes.
    """
    sizes = {name: table.largest_bytes for name, table in tables.items()}
    largest = max(sizes, key=lambda name: sizes[name])
    source = f"one partition of each table; the largest is in {largest!r}"
    return TaskMemory(sum(sizes.values()), source, value=partition_bytes)


def depends_on_partitions(recipe: Recipe, tables: Mapping[str, TablePlan]) -> bool:
    """Whether the table that the recipe's `transform` returns may be another one if its tables are divided differently.

    Functions of `map_partitions` do not depend on the division, by their contract (`firelib.rows`).

    Args:
        recipe: The recipe.
        tables: Table name → its partitions.
    """
    try:
        with EagerComputation() as eager:
            frame = to_dask(recipe.transform({name: table.to_dask() for name, table in tables.items()}), recipe.name)
    except Exception:  # noqa: BLE001  the recipe's own error, which the transform explains when it calls it again
        return True
    return eager.found or any(map(_depends_on_partitions, frame.expr.walk()))


def _depends_on_partitions(step: Expr) -> bool:
    if isinstance(step, ResetIndex):
        return not step.drop  # the index counts the rows of each partition
    return isinstance(step, _DEPENDENT) or (isinstance(step, MapPartitions) and bool(step._has_partition_info))
