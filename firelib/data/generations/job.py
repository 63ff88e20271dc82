"""What all steps of a transform need to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from firelib.config.params import Data
from firelib.data.generations.plan import Generation, estimate_row_bytes
from firelib.data.lake import Commit, Lake
from firelib.data.split.position import HashRange, split_ranges
from firelib.project_layout import Paths
from firelib.recipe import Recipe, find_split_rule


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
    """

    recipe: Recipe
    original: Recipe
    data: Data
    paths: Paths
    lake: Lake
    scratch: str

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

    def window_commits(self, generation: Generation) -> tuple[Commit, ...]:
        """The commits before a generation that are read, too."""
        if not generation.table:
            return ()
        first = generation.commits[0].version
        return tuple(
            each for each in self.commits(generation.table) if first - generation.window <= each.version < first
        )
