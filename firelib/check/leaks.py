"""Look for features that tell the label alone: it under another name, or what is known only after it."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from firelib.check.finding import Finding
from firelib.check.rows import CheckedRows
from firelib.recipe import Feature, Recipe, TaskKind, infer_task
from firelib.recipe.locations import declaration_line

_LEAST_ROWS = 100
_MOST_VALUES = 0.2  # distinct values of a feature / rows; of more values, each is there too rarely to tell
_PURE = 0.995  # share of the rows whose label is the most frequent one of their value
_MOST_FREQUENT = 0.95  # share of a class beyond which every feature seems to tell it
_EQUAL = 0.9999  # correlation with a label that is a number


def check_leaks(checked: CheckedRows, recipe: Recipe, file: str | None) -> Iterator[Finding]:
    """Name the features that tell the label alone.

    Args:
        checked: Valid rows.
        recipe: Declares features and label.
        file: The recipe's file.
    """
    rows, label = checked.valid, recipe.label
    if rows is None or rows.num_rows < _LEAST_ROWS or label.shape or infer_task(label) is TaskKind.MULTILABEL:
        return
    for feature in recipe.features:
        if feature.shape or feature.ragged or feature.name == label.name:
            continue
        told = _tell(rows, feature, label)
        if told:
            what = f"feature {feature.name!r} alone tells the label {label.name!r}: {told}"
            remedy = "keep it only if it is known when the model predicts; otherwise drop it from the features"
            line = declaration_line(file, "features", feature.name) if file else None
            yield Finding("warning", "rows", what, remedy, file, line, feature.name)


def _tell(rows: pa.Table, feature: Feature, label: Feature) -> str | None:
    if infer_task(label) is TaskKind.REGRESSION:
        return _correlate(rows[feature.name], rows[label.name]) if feature.dtype not in ("string", "bytes") else None
    pairs = rows.select([feature.name, label.name]).rename_columns(["value", "label"])
    counts = pairs.group_by(["value", "label"]).aggregate([([], "count_all")])
    largest = counts.group_by("value").aggregate([("count_all", "max")])["count_all_max"]
    classes = counts.group_by("label").aggregate([("count_all", "sum")])["count_all_sum"]
    share = sum(largest.to_pylist()) / rows.num_rows
    most_frequent = max(classes.to_pylist()) / rows.num_rows
    if len(largest) > _MOST_VALUES * rows.num_rows or share < _PURE or most_frequent > _MOST_FREQUENT:
        return None
    return f"its {len(largest):,} values give it in {share:.1%} of {rows.num_rows:,} rows"


def _correlate(column: pa.ChunkedArray, label: pa.ChunkedArray) -> str | None:
    values, labels = (np.asarray(each.cast(pa.float64()).to_numpy(), np.float64) for each in (column, label))
    usable = np.isfinite(values) & np.isfinite(labels)
    if usable.sum() < _LEAST_ROWS or not values[usable].std() or not labels[usable].std():
        return None
    correlation = float(np.corrcoef(values[usable], labels[usable])[0, 1])
    return f"their correlation is {correlation:.5f}" if abs(correlation) >= _EQUAL else None
