"""Exact, mergeable statistics of a split: equal for any number of workers, on any host."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.recipe import FLOATS, Feature, FittedFeature


@dataclass(frozen=True)
class Moments:
    """Statistics of a set of values that can be merged with those of another set.

    Attributes:
        count: Number of present values.
        missing: Number of missing values.
        mean: Mean of the present values.
        m2: Sum of the squared deviations of the present values from the mean.
        minimum: Smallest present value.
        maximum: Largest present value.
        occurrences: For strings: value → number of occurrences.
    """

    count: int = 0
    missing: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    occurrences: Counter[str] = field(default_factory=Counter)


def compute_moments(values: Any, feature: Feature) -> Moments:
    """Moments of one column of a shard.

    Sums are exactly rounded (`math.fsum`), because NumPy's sums depend on the width of the host's vector unit.

    Args:
        values: NumPy array [rows, *shape]; for values without a fixed size, an Arrow array.
        feature: The declaration of the column.

    Returns:
        The moments; for an Arrow array, only the numbers of present and missing values.
    """
    if not isinstance(values, np.ndarray):
        return Moments(len(values) - values.null_count, values.null_count)
    if feature.dtype == "string":
        occurrences = Counter(word.decode() for word in values.tolist())
        missing = occurrences.pop("", 0) if feature.nullable else 0
        return Moments(occurrences.total(), missing, occurrences=occurrences)
    present = _present(values.ravel(), feature)
    missing = values.size - present.size
    if not present.size:
        return Moments(missing=missing)
    if present.dtype.itemsize == 1:  # images: millions of values, at most 256 distinct ones
        return _moments_from_counts(*np.unique(present, return_counts=True), missing)
    present = present.astype(np.float64)
    mean = math.fsum(present.tolist()) / present.size
    m2 = math.fsum(((present - mean) ** 2).tolist())
    return Moments(present.size, missing, mean, m2, float(present.min()), float(present.max()))


def _moments_from_counts(distinct: npt.NDArray[Any], counts: npt.NDArray[np.int64], missing: int) -> Moments:
    """Moments of distinct values, in ascending order, with the number of occurrences of each."""
    values = distinct.astype(np.float64)
    size = int(counts.sum())
    mean = math.fsum((values * counts).tolist()) / size
    m2 = math.fsum(((values - mean) ** 2 * counts).tolist())
    return Moments(size, missing, mean, m2, float(values[0]), float(values[-1]))


def merge_moments(parts: Iterable[Moments]) -> Moments:
    """Moments of the union of several sets, merged in the given order.

    The formula is in Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
    variances".
    """
    return reduce(_merge_two, parts, Moments())


def fit_feature(feature: Feature, total: Moments) -> FittedFeature:
    """A feature with the statistics that a model's layers need.

    Args:
        feature: The declaration.
        total: Moments of the training split.
    """
    by_frequency = sorted(total.occurrences.items(), key=lambda item: (-item[1], item[0]))
    numeric = feature.dtype != "string" and total.count > 0
    return FittedFeature(
        feature=feature,
        count=total.count,
        missing=total.missing,
        mean=total.mean,
        std=math.sqrt(total.m2 / total.count) if total.count else 0.0,
        minimum=total.minimum if numeric else None,
        maximum=total.maximum if numeric else None,
        vocabulary=tuple(word for word, _ in by_frequency),
    )


def _present(values: npt.NDArray[Any], feature: Feature) -> npt.NDArray[Any]:
    if feature.dtype in FLOATS:
        floats = values.astype(np.float64)
        return floats[~np.isnan(floats)]
    return values if feature.missing is None else values[values != feature.missing]


def _merge_two(a: Moments, b: Moments) -> Moments:
    count = a.count + b.count
    delta = b.mean - a.mean
    share = b.count / count if count else 0.0
    return Moments(
        count=count,
        missing=a.missing + b.missing,
        mean=a.mean + delta * share,
        m2=a.m2 + b.m2 + delta * delta * a.count * share,
        minimum=min(a.minimum, b.minimum),
        maximum=max(a.maximum, b.maximum),
        occurrences=a.occurrences + b.occurrences,
    )
