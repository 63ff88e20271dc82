"""Tables about data and results, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from firelib import storage
from firelib.console import note, out, table
from firelib.paths import Paths
from firelib.recipe import FittedFeature
from firelib.tfrecord.manifest import Manifest

_ROOM_FOR_MEANING = 100  # columns of the terminal
_HIGHER_IS_BETTER = {"roc_auc", "average_precision", "accuracy"}


def lake_table(name: str, record: Any) -> Table:
    """Versions of one table of the lake (`firelib.data.lake.TableRecord`)."""
    rows, before = [], 0
    for commit in record.commits:
        group = ", ".join(f"{column}={value}" for column, value in commit.group.items())
        rows.append([str(commit.version), group or "whole", f"{commit.rows - before:,}", f"{commit.rows:,}"])
        before = commit.rows
    return table(f"{name} (from {record.source})", ["version", "added", "new rows", "rows"], rows)


def feature_table(manifest: Manifest, width: int) -> Table:
    """Features with their statistics on the training split; their meaning too, where `width` has room for it."""
    columns = ["feature", "dtype", "missing", "mean", "std", "values"]
    rows = [_feature_row(fitted) for fitted in manifest.features]
    if width >= _ROOM_FOR_MEANING:
        columns.append("meaning")
        rows = [[*row, fitted.feature.description] for row, fitted in zip(rows, manifest.features, strict=True)]
    return table(f"{manifest.recipe}: features (statistics of the training split)", columns, rows)


def split_table(manifest: Manifest) -> Table:
    """Rows, shards and bytes of each split."""
    rows = []
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 2**20
        rows.append([name, f"{split.rows:,}", str(len(split.shards)), f"{size:.1f} MiB"])
    return table("Splits", ["split", "rows", "shards", "size"], rows)


def read_results(paths: Paths) -> dict[str, dict[str, float]] | None:
    """What the last evaluation measured, or None before the first: `model` and baselines → metric → value."""
    if not (paths.test_metrics.is_file() and paths.baseline_metrics.is_file()):
        return None
    baselines = storage.read_json(str(paths.baseline_metrics))
    return {"model": storage.read_json(str(paths.test_metrics)), **baselines}


def comparison(results: Mapping[str, Mapping[str, float]]) -> Table:
    """Model and baselines side by side; the best value of each metric is marked."""
    rows = []
    for metric in sorted(next(iter(results.values()))):
        values = {name: result[metric] for name, result in results.items()}
        best = (max if metric in _HIGHER_IS_BETTER else min)(values.values())
        cells = [f"[bold]{value:.4f} *[/bold]" if value == best else f"{value:.4f}" for value in values.values()]
        rows.append([metric.replace("_", " "), *cells])
    return table("Test split (* is best)", ["metric", *(name.replace("_", " ") for name in results)], rows)


def show_results(paths: Paths) -> None:
    """The newest test metrics, and where model and pictures lie."""
    results = read_results(paths)
    if results is not None:
        out.print(comparison(results))
        show_places(paths)


def show_places(paths: Paths) -> None:
    """Where the results lie, and what to do with them."""
    note(f"model:    {paths.model}")
    note(f"pictures: {paths.plots}")
    note("next:     firelib predict --help · dvc metrics show · dvc plots show")


def _feature_row(fitted: FittedFeature) -> list[str]:
    feature = fitted.feature
    start = [feature.name, feature.dtype, f"{fitted.missing:,}"]
    if feature.dtype == "string":
        return [*start, "", "", f"{len(fitted.vocabulary):,} words"]
    if fitted.minimum is None:
        return [*start, "", "", "none"]
    return [*start, f"{fitted.mean:.4g}", f"{fitted.std:.4g}", f"{fitted.minimum:.4g} to {fitted.maximum:.4g}"]
