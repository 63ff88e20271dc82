"""Statistics of a split, exact and mergeable: the same figures for any number of workers, on any host."""

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
    """What a set of values adds up to.

    Attributes:
        count: Values present.
        missing: Values missing.
        mean: Mean of the present values.
        m2: Sum of their squared deviations from the mean.
        minimum: Smallest one.
        maximum: Largest one.
        words: For strings: value → how often.
    """

    count: int = 0
    missing: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    words: Counter[str] = field(default_factory=Counter)


def moments(values: Any, feature: Feature) -> Moments:
    """Moments of one column of a shard; of one without a fixed size (an Arrow array), how many values there are.

    Sums are exactly rounded (`math.fsum`): NumPy's depend on the width of the host's vector unit.
    """
    if not isinstance(values, np.ndarray):
        return Moments(len(values) - values.null_count, values.null_count)
    if feature.dtype == "string":
        words = Counter(word.decode() for word in values.tolist())
        missing = words.pop("", 0) if feature.nullable else 0
        return Moments(words.total(), missing, words=words)
    present = _present(values.ravel(), feature)
    missing = values.size - present.size
    if not present.size:
        return Moments(missing=missing)
    if present.dtype.itemsize == 1:  # pictures: millions of values, 256 different ones
        return _of_counts(*np.unique(present, return_counts=True), missing)
    present = present.astype(np.float64)
    mean = math.fsum(present.tolist()) / present.size
    m2 = math.fsum(((present - mean) ** 2).tolist())
    return Moments(present.size, missing, mean, m2, float(present.min()), float(present.max()))


def _of_counts(distinct: npt.NDArray[Any], counts: npt.NDArray[np.int64], missing: int) -> Moments:
    """Moments of ascending values that come so many times each."""
    values = distinct.astype(np.float64)
    size = int(counts.sum())
    mean = math.fsum((values * counts).tolist()) / size
    m2 = math.fsum(((values - mean) ** 2 * counts).tolist())
    return Moments(size, missing, mean, m2, float(values[0]), float(values[-1]))


def merge(parts: Iterable[Moments]) -> Moments:
    """Moments of several sets together, in the order given (Chan, Golub & LeVeque, 1979)."""
    return reduce(_merge_two, parts, Moments())


def fit(feature: Feature, total: Moments) -> FittedFeature:
    """The statistics that a model's layers need."""
    words = sorted(total.words.items(), key=lambda item: (-item[1], item[0]))
    numeric = feature.dtype != "string" and total.count > 0
    return FittedFeature(
        feature=feature,
        count=total.count,
        missing=total.missing,
        mean=total.mean,
        std=math.sqrt(total.m2 / total.count) if total.count else 0.0,
        minimum=total.minimum if numeric else None,
        maximum=total.maximum if numeric else None,
        vocabulary=tuple(word for word, _ in words),
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
        words=a.words + b.words,
    )
