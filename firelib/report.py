"""Tables about data and results, for the terminal."""

from typing import Any

from rich.table import Table

from firelib import storage
from firelib.console import note, out, table
from firelib.paths import Paths
from firelib.recipe import FittedFeature
from firelib.tfrecord.manifest import Manifest


def lake_table(name: str, record: Any) -> Table:
    """Versions of one table of the lake (`firelib.data.lake.TableRecord`)."""
    rows, before = [], 0
    for commit in record.commits:
        group = ", ".join(f"{column}={value}" for column, value in commit.group.items())
        rows.append([str(commit.version), group or "whole", f"{commit.rows - before:,}", f"{commit.rows:,}"])
        before = commit.rows
    return table(f"{name} (from {record.source})", ["version", "added", "new rows", "rows"], rows)


def feature_table(manifest: Manifest) -> Table:
    """Features with their statistics on the training split."""
    rows = [_feature_row(fitted) for fitted in manifest.features]
    return table(
        f"{manifest.recipe}: features (statistics of the training split)",
        ["feature", "dtype", "missing", "mean", "std", "min", "max", "words", "meaning"],
        rows,
    )


def split_table(manifest: Manifest) -> Table:
    """Rows, shards and bytes of each split."""
    rows = []
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 2**20
        rows.append([name, f"{split.rows:,}", str(len(split.shards)), f"{size:.1f} MiB"])
    return table("Splits", ["split", "rows", "shards", "size"], rows)


def show_results(paths: Paths) -> None:
    """The newest test metrics, and where model and pictures lie."""
    if not (paths.metrics / "test.json").is_file():
        return
    results = storage.read_json(str(paths.metrics / "test.json"))
    names = list(next(iter(results.values())))
    rows = [[metric, *(f"{result[metric]:.4f}" for result in results.values())] for metric in names]
    out.print(table("Test split", ["metric", *results], rows))
    note(f"model:    {paths.model}")
    note(f"pictures: {paths.plots}")
    note("next:     firelib predict --help · dvc metrics show · dvc plots show")


def _feature_row(fitted: FittedFeature) -> list[str]:
    feature = fitted.feature
    numbers = ["", "", "", ""]
    if feature.dtype != "string":
        numbers = [
            f"{x:.6g}" if x is not None else "" for x in (fitted.mean, fitted.std, fitted.minimum, fitted.maximum)
        ]
    words = str(len(fitted.vocabulary)) if feature.dtype == "string" else ""
    return [feature.name, feature.dtype, f"{fitted.missing:,}", *numbers, words, feature.description]
