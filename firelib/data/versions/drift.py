"""How far the distribution of a feature has moved between two versions of the data.

PSI is the population stability index: the sum of (b − a) · ln(b / a) over bins, where a and b are the shares of both
versions. Bins are between the deciles of the first version, or its most frequent words, and missing values. KS is the
statistic of Kolmogorov and Smirnov: the largest distance between the two cumulative distributions of present numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: PSI from which a distribution counts as moved, and as moved far: the usual rule of thumb.
MOVED, MOVED_FAR = 0.1, 0.25

_DECILES = np.linspace(0.1, 0.9, 9)
_MOST_WORDS = 20
_LEAST_SHARE = 1e-4  # an empty bin would make PSI infinite
_BARS = 30

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Distribution:
    """Statistics of a feature in one version.

    Attributes:
        rows: Number of rows.
        missing: Share of rows without a value.
        mean: Mean of the present numbers; None for words.
        std: Their standard deviation; None for words.
        distinct: Number of distinct words; None for numbers.
    """

    rows: int
    missing: float
    mean: float | None = None
    std: float | None = None
    distinct: int | None = None


@dataclass(frozen=True)
class Drift:
    """How a feature differs between two versions.

    Attributes:
        name: Name of the feature.
        before: Its statistics in the first version.
        after: Its statistics in the second version.
        psi: Population stability index.
        ks: Statistic of Kolmogorov and Smirnov; None for words.
        bars: For a picture: the edges of bars, or words; and the share of each bar in both versions.
    """

    name: str
    before: Distribution
    after: Distribution
    psi: float
    ks: float | None
    bars: tuple[Sequence[Any], Numbers, Numbers]


def measure_drift(name: str, before: pa.ChunkedArray, after: pa.ChunkedArray) -> Drift:
    """Compare a feature in two samples.

    Args:
        name: Name of the feature.
        before: Its values in the first version, as `to_values` returns them; nulls are missing.
        after: Its values in the second version.
    """
    if pa.types.is_string(before.type):
        return _word_drift(name, before, after)
    return _number_drift(name, _to_numbers(before), _to_numbers(after))


def _to_numbers(values: pa.ChunkedArray) -> Numbers:
    """float64 [rows], with NaN for missing values."""
    numbers: Numbers = values.to_numpy(zero_copy_only=False)
    return numbers


def _number_drift(name: str, before: Numbers, after: Numbers) -> Drift:
    present = before[~np.isnan(before)], after[~np.isnan(after)]
    edges = _find_edges(present[0]) if len(present[0]) else np.zeros(0)
    return Drift(
        name,
        _summarize(before, present[0]),
        _summarize(after, present[1]),
        psi=_psi(_bin(before, edges), _bin(after, edges)),
        ks=_ks(*present),
        bars=_draw_numbers(*present),
    )


def _find_edges(values: Numbers) -> Numbers:
    """The deciles; a value that is several of them has a bin of its own, which no smaller value is in."""
    deciles = np.quantile(values, _DECILES)
    repeated = deciles[1:][deciles[1:] == deciles[:-1]]
    return np.unique(np.concatenate([deciles, np.nextafter(repeated, -np.inf)]))


def _summarize(values: Numbers, present: Numbers) -> Distribution:
    missing = 1 - len(present) / max(1, len(values))
    if not len(present):
        return Distribution(len(values), missing, np.nan, np.nan)
    return Distribution(len(values), missing, float(present.mean()), float(present.std()))


def _bin(values: Numbers, edges: Numbers) -> Numbers:
    """The share of each bin, and of missing values."""
    bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(bins, minlength=len(edges) + 2) / max(1, len(values))


def _psi(before: Numbers, after: Numbers) -> float:
    a, b = np.maximum(before, _LEAST_SHARE), np.maximum(after, _LEAST_SHARE)
    return float(((b - a) * np.log(b / a)).sum())


def _ks(before: Numbers, after: Numbers) -> float:
    if not len(before) or not len(after):
        return float(len(before) != len(after))
    before, after = np.sort(before), np.sort(after)
    points = np.concatenate([before, after])
    shares = [np.searchsorted(values, points, side="right") / len(values) for values in (before, after)]
    return float(np.abs(shares[0] - shares[1]).max())


def _draw_numbers(before: Numbers, after: Numbers) -> tuple[Sequence[Any], Numbers, Numbers]:
    every = np.concatenate([before, after])
    low, high = np.quantile(every, [0.005, 0.995]) if len(every) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, _BARS + 1)
    heights = [np.histogram(values, edges)[0] / max(1, len(values)) for values in (before, after)]
    return edges.tolist(), heights[0], heights[1]


def _word_drift(name: str, before: pa.ChunkedArray, after: pa.ChunkedArray) -> Drift:
    counts = _count_words(before), _count_words(after)
    words = sorted(counts[0], key=lambda word: (-counts[0][word], word))[:_MOST_WORDS]
    shares = _word_shares(counts[0], words, len(before)), _word_shares(counts[1], words, len(after))
    return Drift(
        name,
        _summarize_words(counts[0], len(before)),
        _summarize_words(counts[1], len(after)),
        psi=_psi(*shares),
        ks=None,
        bars=([*words, "others", "missing"], *shares),
    )


def _summarize_words(counts: dict[str, int], rows: int) -> Distribution:
    return Distribution(rows, 1 - sum(counts.values()) / max(1, rows), distinct=len(counts))


def _count_words(values: pa.ChunkedArray) -> dict[str, int]:
    """Word → number of rows, without missing words."""
    counted = pc.value_counts(values.drop_null().combine_chunks()).to_pylist()
    return {str(entry["values"]): int(entry["counts"]) for entry in counted}


def _word_shares(counts: dict[str, int], words: Sequence[str], rows: int) -> Numbers:
    """The share of each word, of all others together, and of missing ones."""
    known, present = [counts.get(word, 0) for word in words], sum(counts.values())
    return np.array([*known, present - sum(known), rows - present]) / max(1, rows)
