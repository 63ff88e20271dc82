"""Which rows may become samples: excluded ones are counted, rows that break a declaration are kept aside."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError
from firelib.recipe import Feature, Recipe
from firelib.tfrecord.columns import cast, string_bytes

REASON = "rejected_because"


@dataclass(frozen=True)
class Checked:
    """Rows sorted into good and bad.

    Attributes:
        good: Rows that become samples.
        rejected: The others, with the reason in column `rejected_because`.
        excluded: Reason → rows that the recipe left out.
    """

    good: pa.Table
    rejected: pa.Table
    excluded: Counter[str] = field(default_factory=Counter)


def check(rows: pd.DataFrame, recipe: Recipe) -> Checked:
    """Apply the recipe's exclusions, then its declarations.

    Raises:
        FirelibError: A column is missing or has the wrong type; the label is null after the exclusions.
    """
    rows, excluded = _exclude(rows, recipe)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    _check_label(rows, table, recipe)
    reasons = np.full(table.num_rows, None, dtype=object)
    for feature in (*recipe.features, recipe.label):
        for reason, broken in _violations(cast(table, feature), feature):
            reasons[broken.to_numpy(zero_copy_only=False) & (reasons == None)] = reason  # noqa: E711  elementwise
    bad = np.array([reason is not None for reason in reasons], dtype=bool)
    rejected = table.filter(pa.array(bad)).append_column(REASON, pa.array(reasons[bad], pa.string()))
    return Checked(table.filter(pa.array(~bad)), rejected, excluded)


def _exclude(rows: pd.DataFrame, recipe: Recipe) -> tuple[pd.DataFrame, Counter[str]]:
    counts: Counter[str] = Counter()
    out = np.zeros(len(rows), dtype=bool)
    for reason, mask in recipe.exclude(rows).items():
        new = mask.fillna(False).to_numpy(bool) & ~out
        counts[reason] = int(new.sum())
        out |= new
    return rows[~out], counts


def _check_label(rows: pd.DataFrame, table: pa.Table, recipe: Recipe) -> None:
    labels = cast(table, recipe.label)
    if labels.null_count:
        first = rows[pd.array(labels.is_null().to_numpy(), dtype=bool)].iloc[0]
        example = ", ".join(f"{column}={first[column]}" for column in recipe.key)
        raise FirelibError(
            f"the label {recipe.label.name!r} is null in {labels.null_count} rows",
            where=f"for example at {example}",
            remedy="exclude such rows in the recipe (Recipe.exclude), so that they are counted",
        )


def _violations(column: pa.ChunkedArray, feature: Feature) -> Sequence[tuple[str, pa.ChunkedArray]]:
    """(reason, mask) for each rule that a feature declares."""
    found = []
    if not feature.nullable:
        found.append((f"{feature.name} is missing", _is_missing(column, feature)))
    if feature.shape:
        return found
    if feature.dtype == "string":
        too_long = pc.greater(string_bytes(column), feature.max_length)
        found.append((f"{feature.name} is longer than {feature.max_length} bytes", too_long.fill_null(False)))
    elif feature.range:
        low, high = feature.range
        outside = pc.or_(pc.less(column, low), pc.greater(column, high)).fill_null(False)
        if feature.missing is not None:
            outside = pc.and_(outside, pc.not_equal(column, feature.missing).fill_null(False))
        found.append((f"{feature.name} is outside [{low:g}, {high:g}]", outside))
    return found


def _is_missing(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    nan_is_null = feature.dtype.startswith("float") and not feature.shape
    return pc.is_null(column, nan_is_null=nan_is_null)
