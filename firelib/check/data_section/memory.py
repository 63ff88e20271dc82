"""Check that the rows of a task of the transform fit into the memory of this machine, once there is a lake."""

from collections.abc import Callable, Iterator
from functools import partial

from firelib import machine
from firelib.check.configuration import Configuration
from firelib.check.finding import Finding
from firelib.config.params import Data
from firelib.data.lake import read_lake
from firelib.data.memory.task_memory import TaskMemory, fit_partition, suggest_less_memory
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.ray_setup.memory_budget import measure_budget
from firelib.recipe import Recipe

_MIB = 2**20


def check_memory(recipe: Recipe, paths: Paths, configuration: Configuration) -> Iterator[Finding]:
    """Compare the largest partitions of the lake's tables with the memory that embedded Ray would have.

    Nothing is found before the first extract, nor where the transform runs on a cluster.

    Args:
        recipe: Joins the tables in its `transform`.
        paths: Where the lake is.
        configuration: Valid parameters.
    """
    assert configuration.params
    if configuration.is_elsewhere:
        return
    data, environment = configuration.params.data, configuration.environment
    cores = (environment.num_cpus if environment else None) or machine.usable_cores()
    memory = measure_budget(cores).tasks_bytes
    need = _estimate_task(recipe, paths, data, partial(fit_partition, memory=memory, cores=cores))
    if need and need.least_bytes > memory:
        what = f"{need.describe()}, and this machine has {memory / _MIB:,.0f} MiB for tasks of firelib transform"
        remedy, line = suggest_less_memory(need, memory), configuration.line("data.partition_bytes")
        value = str(data.partition_bytes)
        yield Finding("warning", "configuration", what, remedy, str(configuration.file), line, value)


def _estimate_task(recipe: Recipe, paths: Paths, data: Data, choose: Callable[[TaskMemory], int]) -> TaskMemory | None:
    """Memory of a task of the transform; None if there is no lake yet, or not the one that lake.json pins."""
    try:
        versions = read_lake(paths.lake_json).resolve_versions(data.version)
        from firelib.data.memory.table_plans import plan_within_memory  # and Dask, which takes a second

        return plan_within_memory(recipe, paths.lake, versions, data.partition_bytes, choose)[1]
    except FirelibError:
        return None
