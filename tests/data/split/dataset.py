"""Both passes of the transform on a frame, without a lake and without Ray."""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from firelib.config import Split
from firelib.data.prepare import apply_cuts, prepare_partition
from firelib.data.shard_gather import gather_shards, group_shards, plan_shards
from firelib.data.split.leakage import report_leakage, sample_limit
from firelib.data.split.position import split_ranges
from firelib.data.split.report import check_rows, check_values
from firelib.data.split.strata import find_cuts
from firelib.recipe import Feature, Recipe, find_split_rule
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.write.shard_writer import choose_layout
from tests.tfrecord.reference import decode, strip_framing


class Numbered(Recipe):
    """The features tell where a row is: its number, and its group."""

    name = "numbered"
    key = ("id",)
    features = (Feature("number", "int64"), Feature("group", "int64"))
    label = Feature("label", "int64", range=(0, 1))


@dataclass(frozen=True)
class SplitDataset:
    """What both passes made.

    Attributes:
        numbers: Split → numbers of its rows, in the order of the shards.
        hashes: Name of a shard → SHA-256.
        leakage: The report on leakage.
    """

    numbers: dict[str, list[int]]
    hashes: dict[str, str]
    leakage: dict[str, Any]


def make_dataset(
    frame: pd.DataFrame, folder: Path, split: Split, partitions: int = 1, **attributes: Any
) -> SplitDataset:
    """Divide a frame as a recipe with these attributes declares; `partitions` is the number of parts it comes in."""
    recipe: Recipe = type("Some", (Numbered,), attributes)()
    ranges = split_ranges(split, find_split_rule(recipe))
    parts = [
        prepare_partition(frame.iloc[index::partitions], recipe, ranges, str(folder), split)
        for index in range(partitions)
    ]
    check_values(parts, recipe)
    totals = sum((part.splits for part in parts), Counter[str]())
    files = [part.file for part in parts if part.file]
    if cuts := find_cuts((part.strata for part in parts), split):
        moved = [apply_cuts(file, recipe, split, cuts, ranges, str(folder)) for file in files]
        files, totals = [file for file, _ in moved], sum((counts for _, counts in moved), Counter[str]())
    check_rows(parts, totals, recipe, split)
    (folder / "shards").mkdir()
    limit = sample_limit(totals.total())
    plans = plan_shards(recipe, totals, ranges, max(4000, 10 * len(frame)))
    tasks = [replace(task, limit=limit) for task in group_shards(plans, files, len(frame) // 2)]
    shards = [shard for task in tasks for shard in gather_shards(task, recipe, str(folder / "shards"))]
    numbers: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    hashes = {}
    for shard in shards:
        content = (folder / "shards" / shard.shard.name).read_bytes()
        hashes[shard.shard.name] = hashlib.sha256(content).hexdigest()
        numbers[shard.split] += _read_numbers(content)
    return SplitDataset(numbers, hashes, report_leakage([(shard.split, shard.contents) for shard in shards], limit))


def _read_numbers(shard: bytes) -> list[int]:
    layout = choose_layout([*Numbered.features, Numbered.label])
    assert isinstance(layout, FixedLayout)
    records = strip_framing(np.frombuffer(shard, np.uint8), layout.record_bytes)
    return list(map(int, decode(records, layout)["number"]))
