"""Tables about data and results, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from firelib import storage
from firelib.console import note, out, table
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature
from firelib.tfrecord.format.manifest import Manifest

_ROOM_FOR_MEANING = 100  # columns of the terminal
_HIGHER_IS_BETTER = {"roc_auc", "average_precision", "accuracy", "macro_f1"}


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


def timing_table(timing: Mapping[str, float]) -> Table:
    """Where the time of a training went: what `firelib.train.timing.Meter.summary` gave, and the restarts."""
    seconds = {name.removesuffix("_seconds"): value for name, value in timing.items() if name.endswith("_seconds")}
    waiting, checkpoints = seconds.get("data", 0.0), seconds.get("checkpoint", 0.0)
    rows = [
        ["rows per second", f"{timing['rows_per_second']:,.0f}", "all workers together, waiting for data included"],
        ["input-bound", f"{timing['input_share']:.1%}", f"{waiting:.1f} s of training waited for data"],
        ["a step, median", _milliseconds(timing["step_p50"]), f"{timing['steps']:,.0f} steps were timed"],
        ["a step, 99th percentile", _milliseconds(timing["step_p99"]), "one of a hundred takes longer"],
        ["start-up", f"{seconds.get('start_up', 0.0):.1f} s", "until the first step was done: imports, compiling"],
        [
            "checkpoints",
            f"{checkpoints:.2f} s",
            f"training waited; {seconds.get('checkpoint_writing', 0.0):.2f} s beside",
        ],
        ["validation", f"{seconds.get('validation', 0.0):.1f} s", "after every epoch"],
        ["restarts", f"{timing['restarts']:.0f}", f"{seconds.get('restarts', 0.0):.1f} s until the last start"],
    ]
    return table("Where the time went (of the last start)", ["", "figure", ""], rows)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def trial_table(trials: Sequence[Any], metric: str) -> Table:
    """The trials of a tuning (`firelib.tune.study.Trial`), the best first."""
    names = sorted({name for trial in trials for name in trial.values})
    rows = [
        [
            str(rank),
            *(str(trial.values.get(name, "")) for name in names),
            str(trial.epochs),
            "" if trial.score is None else f"{trial.score:.4f}",
            trial.error,
        ]
        for rank, trial in enumerate(trials, 1)
    ]
    return table("Trials, the best first", ["", *names, "epochs", metric, "failed"], rows)


def class_table(paths: Paths) -> Table:
    """What the last evaluation measured of each class."""
    figures = storage.read_json(str(paths.class_metrics))
    columns = ["precision", "recall", "f1"]
    rows = [
        [name, *(f"{values[column]:.3f}" for column in columns), f"{values['rows']:,}"]
        for name, values in figures.items()
    ]
    return table("Classes", ["class", *columns, "rows"], rows)


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
