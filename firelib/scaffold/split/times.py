"""Cut dates that give training the first 80 % of the rows, and validation and test 10 % each."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.split.assignment import to_scalar
from firelib.scaffold.split.wish import LEAST_VALUES

_BEFORE = (0.8, 0.9)  # share of the rows before the validation split, and before the test split
_ROUNDING = 0.01  # share of the rows by which a cut may miss, to be a date without a time


def choose_cuts(times: pa.ChunkedArray) -> tuple[Any, Any] | None:
    """Choose the first times of the validation and of the test split; midnights where that moves few rows.

    Args:
        times: Times, dates or numbers, without missing values.

    Returns:
        Both cuts, as params.yaml has them: text of dates and times, or numbers; None if there are fewer than three
        distinct times.
    """
    if pa.types.is_timestamp(times.type):
        times = times.cast(pa.timestamp("us", times.type.tz), safe=False)  # the lake's unit
    counts = times.value_counts()
    order = pc.sort_indices(counts.field("values"))
    distinct, rows = counts.field("values").take(order), counts.field("counts").take(order)
    if len(distinct) < LEAST_VALUES:
        return None
    before = [count / len(times) for count in [0, *pc.cumulative_sum(rows).to_pylist()[:-1]]]
    first = _nearest(before, _BEFORE[0], 1, len(before) - 1)
    second = _nearest(before, _BEFORE[1], first + 1, len(before))
    validation, test = (_to_cut(distinct, before, index) for index in (first, second))
    if validation == test:
        test = _to_text(distinct[second])
    return validation, test


def _nearest(shares: Sequence[float], wanted: float, start: int, end: int) -> int:
    return min(range(start, end), key=lambda index: abs(shares[index] - wanted))


def _to_cut(distinct: pa.Array, before: Sequence[float], index: int) -> Any:
    """The midnight before a time, if few rows are between both; otherwise the time itself."""
    value = distinct[index]
    if not pa.types.is_timestamp(distinct.type):
        return _to_text(value)
    midnight = pc.floor_temporal(value, unit="day")
    first = int(pc.sum(pc.less(distinct, midnight)).as_py())
    day = midnight.as_py().date()
    if first and before[index] - before[first] <= _ROUNDING and _means(day, midnight):
        return day.isoformat()
    return _to_text(value)


def _means(cut: Any, value: pa.Scalar) -> bool:
    """Whether a cut without a zone is this time: an hour that a change of the clock skips or repeats is not."""
    try:
        return bool(to_scalar(cut, value.type).equals(value))
    except pa.ArrowInvalid:
        return False


def _to_text(value: pa.Scalar) -> Any:
    plain = value.as_py()
    return plain.isoformat() if hasattr(plain, "isoformat") else plain
