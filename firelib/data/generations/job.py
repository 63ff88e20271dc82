"""What all steps of a transform need to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

from firelib import storage
from firelib.config.params import Data
from firelib.data.dask_on_ray import compute
from firelib.data.delta_tables import OpenTables
from firelib.data.generations.plan import Generation, estimate_row_bytes
from firelib.data.joined_table import join_planned
from firelib.data.lake import Commit, Lake
from firelib.data.memory.node_memory import choose_partition, most_rows_bytes
from firelib.data.memory.table_plans import plan_within_memory
from firelib.data.memory.task_memory import TaskMemory
from firelib.data.shuffle.skew import PartitionLimit
from firelib.data.split.position import HashRange, split_ranges
from firelib.data.tables import TablePlan, plan_files, require_version
from firelib.project_layout import Paths
from firelib.recipe import Recipe, find_split_rule

_TIGHT = 3  # times the rows of a usual partition: a join widens rows, and no key has its even share


@dataclass(frozen=True)
class TransformJob:
    """The inputs of a transform.

    Attributes:
        recipe: The recipe; with copies of rows if `data.scale` wants them.
        original: The recipe without copies.
        data: Version, splits, and the size of shards and partitions.
        paths: Where the lake, records and shards are.
        lake: The pinned tables.
        scratch: URI of a folder for intermediate files, which all workers can read.
        tables: The open tables.
    """

    recipe: Recipe
    original: Recipe
    data: Data
    paths: Paths
    lake: Lake
    scratch: str
    tables: OpenTables

    @cached_property
    def versions(self) -> dict[str, int]:
        """Table name → version to read."""
        return self.lake.resolve_versions(self.data.version)

    @cached_property
    def ranges(self) -> Mapping[str, HashRange]:
        """Split → its range of positions."""
        return split_ranges(self.data.split, find_split_rule(self.recipe))

    @property
    def shard_bytes(self) -> float:
        """Target size of a shard, in bytes."""
        return self.data.shard_mib * 2**20

    @property
    def row_bytes(self) -> float:
        """Estimated size of a row of the table that grows in a shard, in bytes."""
        return estimate_row_bytes(self.original, self.data.scale)

    def commits(self, table: str) -> tuple[Commit, ...]:
        """The commits of a table up to the version to read, oldest first."""
        return tuple(commit for commit in self.lake.tables[table].commits if commit.version <= self.versions[table])

    def read_tables(self, generation: Generation) -> dict[str, Any]:
        """Table name → Dask dataframe of the rows that a generation reads, as `transform` gets them.

        Args:
            generation: The generation.
        """
        planned = self._plan_tables(generation, self.data.partition_bytes)
        return {name: table.to_dask() for name, table in planned.items()}

    def _plan_tables(self, generation: Generation, partition_bytes: int) -> dict[str, TablePlan]:
        own = [*self.window_commits(generation), *generation.commits]
        read = {name: own if name == generation.table else self.commits(name) for name in self.versions}
        return {
            name: self._plan_table(name, partition_bytes, frozenset(commit.sha256 for commit in commits))
            for name, commits in read.items()
        }

    @cached_property
    def _plan_table(self) -> Callable[[str, int, frozenset[str]], TablePlan]:
        """`plan_files` with a memory: generations share all tables but one, and the log of that one."""

        @cache
        def plan_once(name: str, partition_bytes: int, parts: frozenset[str]) -> TablePlan:
            uri, record = storage.join(self.paths.lake, name), self.lake.tables[name]
            table = require_version(self.tables.open(name, record.version), uri, record.version)
            reads_all = parts == {commit.sha256 for commit in record.commits}  # then its files may have any names
            return plan_files(table, uri, partition_bytes, None if reads_all else parts)

        return plan_once

    def join_tables(self, generation: Generation) -> tuple[Any, TaskMemory]:
        """The Dask dataframe of a generation's samples, in partitions that fit into memory. Ray must be connected.

        Args:
            generation: The generation.

        Returns:
            The dataframe, not yet computed, and the memory of a task that joins one partition of each table.

        Raises:
            FirelibError: The recipe's `transform` fails, or its dataframe lacks declared columns.
        """
        plan = partial(self._plan_tables, generation)
        tables, need = plan_within_memory(self.recipe, plan, self.data.partition_bytes, choose_partition)
        return join_planned(self.recipe, tables, self.data.split, self.scratch, _limit_partitions(need)), need

    def window_commits(self, generation: Generation) -> tuple[Commit, ...]:
        """The commits before a generation that are read, too."""
        if not generation.table:
            return ()
        first = generation.commits[0].version
        return tuple(
            each for each in self.commits(generation.table) if first - generation.window <= each.version < first
        )


def _limit_partitions(need: TaskMemory) -> PartitionLimit | None:
    """What a partition may have after a shuffle: as many rows as a worker can hold, if that is known."""
    most = most_rows_bytes()
    if most is None:
        return None
    is_tight = most < _TIGHT * need.rows_bytes
    return PartitionLimit(most, partial(compute, label="measure keys", need=need) if is_tight else None)
