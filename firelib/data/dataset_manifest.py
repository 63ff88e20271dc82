"""The manifest of a dataset, from the results of both passes of the transform."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from firelib.console import note
from firelib.data.row_validation import REASON
from firelib.recipe import SPLITS, FittedFeature, Recipe
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.write.shard_writer import choose_layout


class CountedRows(Protocol):
    """Rows of a partition or of a generation."""

    @property
    def rows(self) -> int:
        """Number of rows before any exclusion."""

    @property
    def excluded(self) -> Counter[str]:
        """Reason → number of rows that the recipe excludes."""


class DescribedShard(Protocol):
    """A shard, and what is known about its rows."""

    @property
    def split(self) -> str:
        """The split of its rows."""

    @property
    def shard(self) -> Shard:
        """The file."""


def build_manifest(
    recipe: Recipe,
    features: Sequence[FittedFeature],
    versions: Mapping[str, int],
    parts: Sequence[CountedRows],
    shards: Sequence[DescribedShard],
    set_aside: pa.Table,
    split: Mapping[str, Any] | None = None,
) -> Manifest:
    """The manifest of a dataset.

    Args:
        recipe: Declares label and key.
        features: The features with their statistics (`fit_features`).
        versions: Table name → version that was read.
        parts: What was read: partitions, or generations.
        shards: The shards in their order: those of a split belong together in this order.
        set_aside: All rows that are set aside, with the reason in column `REASON`.
        split: What to say about the split beside the rows (`describe_split`).
    """
    layout = choose_layout([*recipe.features, recipe.label])
    return Manifest(
        recipe=recipe.name,
        features=tuple(features),
        label=recipe.label,
        key=tuple(recipe.key),
        record_bytes=layout.record_bytes if isinstance(layout, FixedLayout) else None,
        splits=_collect_splits(shards),
        tables=dict(versions),
        quality={**_count_rows(parts, set_aside), **(split or {})},
    )


def count_rows(manifest: Manifest) -> tuple[int, int]:
    """Number of rows that were read, and number of samples, excluded rows and rows set aside together."""
    samples = sum(split.rows for split in manifest.splits.values())
    quality = manifest.quality
    return quality["read"], samples + sum(quality["excluded"].values()) + sum(quality["rejected"].values())


def report_rows(manifest: Manifest, declared: Mapping[str, str] | None = None) -> None:
    """Print what became of the rows: samples, excluded rows, rows set aside, and the splits.

    Args:
        manifest: The dataset's manifest.
        declared: Split → what is declared for it (`declare_splits`).
    """
    quality = manifest.quality
    samples = sum(split.rows for split in manifest.splits.values())
    copies = f", {quality['copies']} copies of each row (data.scale)" if "copies" in quality else ""
    note(f"  {quality['read']:,} rows read, {samples:,} samples{copies}")
    for kind, key in (("excluded", "excluded"), ("set aside", "rejected")):
        for reason, rows in quality[key].items():
            note(f"  {kind}: {rows:,} ({reason})")
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 2**20
        shards = "1 shard" if len(split.shards) == 1 else f"{len(split.shards)} shards"
        share = f"{split.rows / max(1, samples):.1%}"
        asked = f" (declared: {declared[name]})" if declared else ""
        note(f"  {name}: {split.rows:,} rows, {share}{asked}, {shards}, {size:.1f} MiB")


def _collect_splits(shards: Sequence[DescribedShard]) -> dict[str, Split]:
    splits = {}
    for name in sorted({gathered.split for gathered in shards}, key=SPLITS.index):
        files = tuple(gathered.shard for gathered in shards if gathered.split == name)
        splits[name] = Split(rows=sum(shard.rows for shard in files), shards=files)
    return splits


def _count_rows(parts: Sequence[CountedRows], set_aside: pa.Table) -> dict[str, object]:
    """Counts of rows by reason. The manifest's key for rows set aside is `rejected`, which readers know."""
    excluded = sum((part.excluded for part in parts), Counter[str]())
    return {
        "read": sum(part.rows for part in parts),
        "excluded": dict(sorted(excluded.items())),
        "rejected": dict(sorted(Counter(set_aside[REASON].to_pylist()).items())),
    }
