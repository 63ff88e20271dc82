"""Tables of data, metrics and trials for the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from firelib import storage
from firelib.console import note, out, table
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature

if TYPE_CHECKING:  # its module imports NumPy, which a run with nothing to do does not need
    from firelib.tfrecord.format.manifest import Manifest

#: Key in the metrics of the test split: what `firelib evaluate` left out, and why.
NOTES = "notes"

_LARGE = 1000  # numbers whose decimals say nothing
_WIDTH_FOR_MEANING = 100  # columns of the terminal
_HIGHER_IS_BETTER = {
    "accuracy",
    "average_precision",
    "exact_match",
    "macro_f1",
    "macro_roc_auc",
    "micro_f1",
    "r2",
    "roc_auc",
}

_HIGHER_WORDS = ("accuracy", "auc", "f1", "precision", "recall", "iou", "r2")
_LOWER_IS_BETTER = ("loss", "error", "mae", "mse", "rmse", "mape", "brier", "deviance", "crossentropy")


def lake_table(name: str, record: Any) -> Table:
    """List the versions of one table in the lake.

    Args:
        name: The table's name.
        record: Its `firelib.data.lake.TableRecord`.
    """
    rows, before = [], 0
    for commit in record.commits:
        group = ", ".join(f"{column}={value}" for column, value in commit.group.items())
        rows.append([str(commit.version), group or "whole", f"{commit.rows - before:,}", f"{commit.rows:,}"])
        before = commit.rows
    return table(f"{name} (from {record.source})", ["version", "added", "new rows", "rows"], rows)


def column_table(name: str, record: Any, origins: Mapping[str, str]) -> Table:
    """List the columns of one table in the lake with their types.

    Args:
        name: The table's name.
        record: Its `firelib.data.lake.TableRecord`.
        origins: Column → what decides its type.
    """
    rows = [
        [column, kind, record.raw_types.get(column, ""), origins.get(column, "")]
        for column, kind in record.columns.items()
    ]
    return table(f"{name}: columns", ["column", "type", "type in the file", "decided by"], rows)


def feature_table(manifest: "Manifest", width: int) -> Table:
    """List the features with their statistics on the training split.

    Args:
        manifest: The dataset's manifest.
        width: Columns of the terminal; the features' descriptions are shown from 100 columns.
    """
    columns = ["feature", "dtype", "missing", "mean", "std", "values"]
    rows = [_feature_row(fitted) for fitted in manifest.features]
    if width >= _WIDTH_FOR_MEANING:
        columns.append("meaning")
        rows = [[*row, fitted.feature.description] for row, fitted in zip(rows, manifest.features, strict=True)]
    return table(f"{manifest.recipe}: features (statistics of the training split)", columns, rows)


def split_table(manifest: "Manifest", declared: Mapping[str, str]) -> Table:
    """List the rows, share, shards and bytes of each split.

    Args:
        manifest: The dataset's manifest.
        declared: Split → what is declared for it (`firelib.config.declare_splits`).
    """
    rows, total = [], max(1, sum(split.rows for split in manifest.splits.values()))
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 2**20
        share = f"{split.rows / total:.1%}"
        rows.append([name, f"{split.rows:,}", share, declared.get(name, ""), str(len(split.shards)), f"{size:.1f} MiB"])
    return table("Splits", ["split", "rows", "share", "declared", "shards", "size"], rows)


def read_results(paths: Paths) -> dict[str, dict[str, float]] | None:
    """Read the metrics of the last evaluation.

    Returns:
        `model` or the name of a baseline → metric → value; None before the first evaluation.
    """
    if not (paths.test_metrics.is_file() and paths.baseline_metrics.is_file()):
        return None
    baselines = storage.read_json(str(paths.baseline_metrics))
    model = {name: value for name, value in storage.read_json(str(paths.test_metrics)).items() if name != NOTES}
    return {"model": model, **baselines}


def is_higher_better(metric: str) -> bool | None:
    """Whether a higher value of a metric is better; None if its name does not tell.

    Args:
        metric: Name of a metric of firelib or of Keras, perhaps with a prefix such as `val_`.
    """
    words = metric.lower().replace("train: ", "").removeprefix("val_")
    if any(word in words for word in _LOWER_IS_BETTER):
        return False
    return True if words in _HIGHER_IS_BETTER or any(word in words for word in _HIGHER_WORDS) else None


def comparison_table(results: Mapping[str, Mapping[str, float]]) -> Table:
    """Compare the model with the baselines and mark the best value of each metric; a model may lack a metric."""
    rows: list[list[str | Text]] = []
    for metric in sorted({metric for result in results.values() for metric in result}):
        values = [result.get(metric) for result in results.values()]
        best = (max if metric in _HIGHER_IS_BETTER else min)(value for value in values if value is not None)
        rows.append([metric.replace("_", " "), *(_metric_cell(value, best) for value in values)])
    return table("Test split (* is best)", ["metric", *(name.replace("_", " ") for name in results)], rows)


def _metric_cell(value: float | None, best: float) -> Text:
    if value is None:
        return Text("–")
    shown = format_figure(value)
    return Text(f"{shown} *", style="bold") if value == best else Text(shown)


def format_figure(value: float) -> str:
    """Four decimals, or one where the number is large; no minus before a zero.

    Example:
        >>> format_figure(0.68543), format_figure(87937.7998), format_figure(-0.00001)
        ('0.6854', '87,937.8', '0.0000')
    """
    return f"{value:,.1f}" if abs(value) >= _LARGE else f"{round(value, 4) + 0.0:.4f}"


def timing_table(timing: Mapping[str, float]) -> Table:
    """Break down the time of a training run.

    Args:
        timing: `firelib.train.timing.Meter.summary()`, with `restarts` and `restarts_seconds`.
    """
    seconds = {name.removesuffix("_seconds"): value for name, value in timing.items() if name.endswith("_seconds")}
    waiting, blocked = seconds.get("data", 0.0), seconds.get("checkpoint", 0.0)
    writing = f"blocked training; {seconds.get('checkpoint_writing', 0.0):.2f} s in the background"
    rows = [
        ["rows per second", f"{timing['rows_per_second']:,.0f}", "all workers, including waiting for data"],
        ["input-bound", f"{timing['input_share']:.1%}", f"{waiting:.1f} s of training waited for data"],
        ["step, median", _milliseconds(timing["step_p50"]), f"of {timing['steps']:,.0f} steps"],
        ["step, 99th percentile", _milliseconds(timing["step_p99"]), "one step in a hundred takes longer"],
        ["start-up", f"{seconds.get('start_up', 0.0):.1f} s", "until the end of the first step: imports, compilation"],
        ["checkpoints", f"{blocked:.2f} s", writing],
        ["validation", f"{seconds.get('validation', 0.0):.1f} s", "after every epoch"],
        ["restarts", f"{timing['restarts']:.0f}", f"{seconds.get('restarts', 0.0):.1f} s until the last attempt"],
    ]
    return table("Time spent (last attempt)", ["", "figure", ""], rows)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def trial_table(trials: Sequence[Any], metric: str) -> Table:
    """List the trials of a study.

    Args:
        trials: `firelib.tune.study.Trial`s, the best one first.
        metric: Name of their score.
    """
    names = sorted({name for trial in trials for name in trial.values})
    rows = [
        [
            str(rank),
            *(str(trial.values.get(name, "")) for name in names),
            str(trial.epochs),
            "" if trial.score is None else format_figure(trial.score),
            trial.error,
        ]
        for rank, trial in enumerate(trials, 1)
    ]
    return table("Trials, best first", ["", *names, "epochs", metric, "failed"], rows)


def class_table(paths: Paths) -> Table:
    """Show the last evaluation's metrics of each class."""
    figures = storage.read_json(str(paths.class_metrics))
    columns = ["precision", "recall", "f1"]
    rows = [
        [name, *(f"{values[column]:.3f}" for column in columns), f"{values['rows']:,}"]
        for name, values in figures.items()
    ]
    return table("Classes", ["class", *columns, "rows"], rows)


def show_results(paths: Paths) -> None:
    """Print the latest test metrics and the paths of the outputs."""
    results = read_results(paths)
    if results is not None:
        out.print(comparison_table(results))
        for line in storage.read_json(str(paths.test_metrics)).get(NOTES, []):
            note(f"note: {line}")
        show_output_paths(paths)


def show_output_paths(paths: Paths) -> None:
    """Print the paths of the model and the plots, and commands to use them."""
    note(f"model:    {paths.model}")
    note(f"plots:    {paths.plots}")
    note("next:     firelib predict --help · dvc metrics show · dvc plots show")


def _describe_vocabulary(fitted: FittedFeature) -> str:
    if fitted.count and not fitted.vocabulary:
        return "free text"
    of_all = f" of {len(fitted.vocabulary) + fitted.cut_words:,}" if fitted.cut_words else ""
    return f"{len(fitted.vocabulary):,}{of_all} string{'' if len(fitted.vocabulary) == 1 and not of_all else 's'}"


def _feature_row(fitted: FittedFeature) -> list[str]:
    feature = fitted.feature
    start = [feature.name, feature.dtype, f"{fitted.missing:,}"]
    if feature.dtype == "string":
        return [*start, "", "", _describe_vocabulary(fitted)]
    if fitted.minimum is None:
        return [*start, "", "", "none"]
    return [*start, f"{fitted.mean:.4g}", f"{fitted.std:.4g}", f"{fitted.minimum:.4g} to {fitted.maximum:.4g}"]
