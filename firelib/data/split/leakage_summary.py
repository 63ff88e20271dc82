"""The report on leakage in words, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Names in the report (`firelib.data.split.leakage.report_leakage`) that are no columns.
ROWS, KEYS, TIMES = "rows with equal features", "keys", "times"

_LABELS = {ROWS: "rows with the features of a training row", KEYS: "keys that training has, too"}


def summarize_leakage(report: Mapping[str, Any]) -> list[str]:
    """What is on two sides, a line each; nothing for what is not.

    Args:
        report: What `report_leakage` returns.
    """
    lines = []
    for name, splits in report.items():
        if name == TIMES:
            lines += [_explain_times(column, overlaps) for column, overlaps in splits.items()]
        elif any(both for both, _ in splits.values()):
            parts = ", ".join(f"{split} {both:,} of {total:,}" for split, (both, total) in splits.items())
            lines.append(f"{_LABELS.get(name, f'values of {name} that training has, too')}: {parts}")
    return lines


def _explain_times(column: str, overlaps: Mapping[str, Sequence[str]]) -> str:
    parts = ", ".join(f"{split} ({low} to {high})" for split, (low, high) in overlaps.items())
    return f"{column} overlaps with training in {parts}"
