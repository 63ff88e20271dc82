"""Exact, mergeable statistics of a split: equal for any number of workers, on any host."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firelib.recipe import FLOATS, Feature, FittedFeature
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.kernels.sums import exact_sum, squared_deviations
from firelib.tfrecord.write.vocabulary import MOST_INSIDE, fits_inside, may_be_free_text, most_words

_COUNTED = 1 << 16  # values of one byte that are counted at a time, since NumPy makes integers of 8 bytes of them


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
        occurrences: For strings: value → number of occurrences; None if there are more than `most_words` values.
        most_words: Most distinct values to count.
    """

    count: int = 0
    missing: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    occurrences: Counter[str] | None = field(default_factory=Counter)
    most_words: float = math.inf


def compute_moments(values: Any, feature: Feature) -> Moments:
    """Moments of one column of a shard.

    Sums come from `kernels.sums`, because NumPy's sums depend on the width of the host's vector unit.

    Args:
        values: NumPy array [rows, *shape]; for values without a fixed size, an Arrow array (`to_columns`).
        feature: The declaration of the column.

    Returns:
        The moments. A list of any length counts with each of its elements, and bytes are only counted.
    """
    if not isinstance(values, np.ndarray):
        return _arrow_moments(values, feature)
    if feature.dtype == "string":
        return _word_moments(_count_strings(values), feature)
    return _number_moments(values, feature)


def _arrow_moments(values: pa.Array, feature: Feature) -> Moments:
    """Moments of values without a fixed size; the null of an array is as many missing elements."""
    missing = values.null_count * math.prod(feature.shape)
    items = (values.flatten() if feature.ragged or feature.shape else values).drop_null()
    if feature.dtype == "string":
        moments = _text_moments(items, feature)
    elif feature.dtype == "bytes":
        empty = pc.sum(pc.equal(pc.binary_length(items), 0)).as_py() or 0 if feature.nullable else 0
        moments = Moments(len(items) - empty, empty)
    else:
        moments = _number_moments(items.to_numpy(zero_copy_only=False).astype(numpy_dtype(feature)), feature)
    return replace(moments, missing=moments.missing + missing)


def _text_moments(items: pa.Array, feature: Feature) -> Moments:
    counted = pc.value_counts(items)
    words, counts = counted.field("values"), counted.field("counts")
    if may_be_free_text(feature) and len(words) > MOST_INSIDE + 1:  # then no word is kept: make no Python objects
        has_missing = feature.nullable and not feature.ragged
        missing = pc.sum(counts.filter(pc.equal(words, ""))).as_py() or 0 if has_missing else 0
        return Moments(len(items) - missing, missing, occurrences=None, most_words=MOST_INSIDE)
    return _word_moments(Counter(dict(zip(words.to_pylist(), counts.to_pylist(), strict=True))), feature)


def _count_strings(values: npt.NDArray[Any]) -> Counter[str]:
    """Occurrences of strings that NUL pads, with a Python object for each distinct one only."""
    content = pa.py_buffer(np.ascontiguousarray(values))
    strings = pa.Array.from_buffers(pa.binary(values.dtype.itemsize), values.size, [None, content])
    counted = pc.value_counts(strings)
    words = (word.rstrip(b"\0").decode() for word in counted.field("values").to_pylist())
    return Counter(dict(zip(words, counted.field("counts").to_pylist(), strict=True)))


def _word_moments(occurrences: Counter[str], feature: Feature) -> Moments:
    missing = occurrences.pop("", 0) if feature.nullable and not feature.ragged else 0
    limit = MOST_INSIDE if may_be_free_text(feature) else math.inf
    return Moments(occurrences.total(), missing, occurrences=_limit(occurrences, limit), most_words=limit)


def _limit(occurrences: Counter[str], most_words: float) -> Counter[str] | None:
    """None instead of too many values. The values only become more, so the order of merges does not matter."""
    if most_words == math.inf:
        return occurrences
    return occurrences if fits_inside(len(occurrences), sum(map(len, occurrences))) else None


def _number_moments(values: npt.NDArray[Any], feature: Feature) -> Moments:
    present = _present(values.ravel(), feature)
    missing = values.size - present.size
    if not present.size:
        return Moments(missing=missing)
    if present.dtype.itemsize == 1:  # images: millions of values, at most 256 distinct ones
        return _moments_from_counts(*_count_bytes(present), missing)
    present = present.astype(np.float64)
    mean = exact_sum(present) / present.size
    m2 = squared_deviations(present, mean)
    return Moments(present.size, missing, mean, m2, float(present.min()), float(present.max()))


def _count_bytes(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Distinct values of one byte, in ascending order, and the number of occurrences of each."""
    counts = np.zeros(256, np.int64)
    for start in range(0, values.size, _COUNTED):
        counts += np.bincount(values[start : start + _COUNTED].view(np.uint8), minlength=256)
    every = np.arange(256, dtype=np.uint8)
    distinct = every[counts > 0].view(values.dtype)
    order = np.argsort(distinct)
    return distinct[order], counts[counts > 0][order]


def _moments_from_counts(distinct: npt.NDArray[Any], counts: npt.NDArray[np.int64], missing: int) -> Moments:
    """Moments of distinct values, in ascending order, with the number of occurrences of each."""
    values = distinct.astype(np.float64)
    size = int(counts.sum())
    mean = exact_sum(values * counts) / size
    m2 = exact_sum((values - mean) ** 2 * counts)
    return Moments(size, missing, mean, m2, float(values[0]), float(values[-1]))


def merge_moments(parts: Iterable[Moments]) -> Moments:
    """Moments of the union of several sets, merged in the given order.

    The formula is in Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
    variances".
    """
    parts = list(parts)
    most_words = min((part.most_words for part in parts), default=math.inf)
    return replace(_merge_numbers(parts), occurrences=_merge_words(parts, most_words), most_words=most_words)


def fit_feature(feature: Feature, total: Moments) -> FittedFeature:
    """A feature with the statistics that a model's layers need.

    Args:
        feature: The declaration.
        total: Moments of the training split.
    """
    by_frequency = sorted((total.occurrences or {}).items(), key=lambda item: (-item[1], item[0]))
    kept = by_frequency[: most_words(feature)]
    numeric = feature.dtype not in ("string", "bytes") and total.count > 0
    return FittedFeature(
        feature=feature,
        count=total.count,
        missing=total.missing,
        mean=total.mean,
        std=math.sqrt(total.m2 / total.count) if total.count else 0.0,
        minimum=total.minimum if numeric else None,
        maximum=total.maximum if numeric else None,
        vocabulary=tuple(word for word, _ in kept),
        cut_words=len(by_frequency) - len(kept),
    )


def _present(values: npt.NDArray[Any], feature: Feature) -> npt.NDArray[Any]:
    if feature.dtype in FLOATS:
        floats = values.astype(np.float64)
        return floats[~np.isnan(floats)]
    return values if feature.missing is None else values[values != feature.missing]


def _merge_numbers(parts: Iterable[Moments]) -> Moments:
    """The merged moments, without words. One object for all: a dataset of many versions has thousands of parts."""
    count, missing, mean, m2, minimum, maximum = 0, 0, 0.0, 0.0, math.inf, -math.inf
    for part in parts:
        before, count, missing = count, count + part.count, missing + part.missing
        delta = part.mean - mean
        share = part.count / count if count else 0.0
        mean += delta * share
        m2 = m2 + part.m2 + delta * delta * before * share
        minimum, maximum = min(minimum, part.minimum), max(maximum, part.maximum)
    return Moments(count, missing, mean, m2, minimum, maximum, occurrences=None)


def _merge_words(parts: Sequence[Moments], most_words: float) -> Counter[str] | None:
    """The words of all sets together, each counted once: adding counters would copy all words for each set."""
    merged: Counter[str] = Counter()
    for part in parts:
        if part.occurrences is None or len(merged) > most_words:
            return None
        if part.occurrences:  # of numbers, none are counted
            merged.update(part.occurrences)
    return _limit(merged, most_words)
