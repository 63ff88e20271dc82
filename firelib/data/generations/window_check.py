"""Check a declared window: rows of a generation must not change when more commits are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from firelib.data.dask_on_ray import compute
from firelib.data.generations.job import TransformJob
from firelib.data.generations.key_files import contains_pairs
from firelib.data.generations.own_rows import OwnCommits, find_own, list_own_commits
from firelib.data.generations.plan import Generation
from firelib.data.memory.task_memory import TaskMemory, find_largest
from firelib.data.row_validation import validate_rows
from firelib.data.split.leakage import hash_features
from firelib.data.split.position import Hashes, identify_keys
from firelib.errors import FirelibError
from firelib.recipe import Recipe
from firelib.tfrecord.format.arrow_columns import to_columns


@dataclass(frozen=True)
class DescribedRows:
    """Valid rows that `transform` returns.

    Attributes:
        keys: The key of each row.
        hashes: A hash of the key, the features and the label of each row; uint64 [rows, 2].
        own: Whether each row has the values of `commit_by` of the generation's commits.
    """

    keys: pa.Table
    hashes: Hashes
    own: npt.NDArray[np.bool_]

    def select(self, which: npt.NDArray[np.bool_]) -> "DescribedRows":
        """Some of the rows."""
        return DescribedRows(self.keys.filter(pa.array(which)), self.hashes[which], self.own[which])


def check_window(job: TransformJob, generation: Generation) -> None:
    """Compare the rows of a generation with what they are if the commits beside those of its window are read, too.

    Args:
        job: The inputs of the transform.
        generation: The generation, with the declared window.

    Raises:
        FirelibError: Rows differ. The error names one.
    """
    calls, need = _describe(job, generation, generation)
    wide_calls, wide_need = _describe(job, widen(job, generation), generation)
    parts = compute([*calls, *wide_calls], "check the window", find_largest([need, wide_need]))
    narrow, wide = _concat(parts[: len(calls)]), _concat(parts[len(calls) :])
    if generation.window:
        narrow = narrow.select(narrow.own)
    differing = narrow.select(~contains_pairs(wide.hashes, narrow.hashes))
    if narrow.own.all():  # then the rows tell their commit, and none may be missing
        wide = wide.select(wide.own)
        differing = _concat([differing, wide.select(~contains_pairs(narrow.hashes, wide.hashes))])
    if differing.keys.num_rows:
        raise _explain(job.recipe, generation, differing)


def widen(job: TransformJob, generation: Generation) -> Generation:
    """The generation with the next commit, and with a window of one commit more.

    Args:
        job: The inputs of the transform.
        generation: The generation.
    """
    assert generation.table
    following = [each for each in job.commits(generation.table) if each.version == generation.commits[-1].version + 1]
    return Generation(generation.index, generation.table, (*generation.commits, *following), generation.window + 1)


def _explain(recipe: Recipe, generation: Generation, differing: DescribedRows) -> FirelibError:
    example = differing.keys.slice(0, 1).to_pylist()[0]
    shown = ", ".join(f"{column}={value}" for column, value in example.items())
    rows = differing.keys.group_by(list(recipe.key)).aggregate([]).num_rows
    window = generation.window
    return FirelibError(
        f"{rows:,} rows of a generation change when more commits of {generation.table!r} are read than window={window} "
        "allows: they depend on rows outside of the window",
        where=f"recipe {recipe.name!r}: window; the row with {shown}, for example",
        remedy=f"set window to {window + 1} or more, or remove it: firelib then finds out, and may read all rows",
    )


def _describe(job: TransformJob, read: Generation, own: Generation) -> tuple[list[Any], TaskMemory]:
    """The tasks that describe the rows of one generation, with the commits of another one read; and their memory."""
    assert own.table
    frame, need = job.join_tables(read)
    commits = list_own_commits(job.recipe.sources[own.table].commit_by, own.commits)
    describe = partial(describe_rows, recipe=job.recipe, commits=commits)
    return list(frame.map_partitions(describe, meta=("rows", object), enforce_metadata=False).to_delayed()), need


def describe_rows(rows: pd.DataFrame, recipe: Recipe, commits: OwnCommits) -> DescribedRows:
    """Describe the valid rows of a partition.

    Args:
        rows: Rows that `transform` returns.
        recipe: Names key, features and label.
        commits: The generation's commits.
    """
    valid = validate_rows(rows, recipe).valid
    features = [*recipe.features, recipe.label]
    columns = to_columns(valid, features)
    content = hash_features([columns[feature.name] for feature in features], valid.num_rows)
    keys = valid.select(list(recipe.key))
    identity = identify_keys(keys.to_pandas(), recipe.key)
    return DescribedRows(keys, identity + content[:, None], find_own(valid.to_pandas(), commits))


def _concat(parts: Sequence[DescribedRows]) -> DescribedRows:
    return DescribedRows(
        pa.concat_tables([part.keys for part in parts], promote_options="permissive"),
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.own for part in parts]),
    )
