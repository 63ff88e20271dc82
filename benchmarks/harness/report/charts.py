"""A chart of each result: the ways of its cases as bars, with their spread."""

import io
import re
from typing import Any

from benchmarks.harness.report.tables import marks
from benchmarks.harness.schema import Bar, Case, Result

_COLOUR, _OURS = "#8c8c8c", "#c44e00"  # firelib's ways stand out, in print, too


def chart_name(result: Result) -> str:
    """The chart's file name without its ending; results of several machines have charts of their own."""
    machine = re.sub(r"\W+", "-", result.machine.cpu_model.lower()).strip("-")
    return "-".join(part for part in (result.name, machine, result.label) if part)


def draw_chart(result: Result) -> bytes:
    """Draw the ways of all cases; return a PNG."""
    import matplotlib as mpl  # takes longer than listing the questions

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    most = max(len(case.bars) for case in result.cases)
    count = len(result.cases)
    figure, axes = plt.subplots(1, count, figsize=(5 * count, 1.4 + 0.35 * most), squeeze=False)
    for axis, case in zip(axes[0], result.cases, strict=True):
        _draw(axis, case)
    figure.suptitle(f"{result.question}{marks(result)}")
    figure.tight_layout()
    content = io.BytesIO()
    figure.savefig(content, dpi=110, format="png")
    plt.close(figure)
    return content.getvalue()


def _draw(axis: Any, case: Case) -> None:
    values = [bar.value for bar in case.bars]
    errors = [
        [max(0.0, bar.value - bar.low) for bar in case.bars],
        [max(0.0, bar.high - bar.value) for bar in case.bars],
    ]
    axis.barh([bar.name for bar in case.bars], values, xerr=errors, color=[_colour(bar) for bar in case.bars])
    axis.set(title=case.title, xlabel=case.unit, xscale="log" if case.unit == "rows/s" else "linear")
    axis.invert_yaxis()


def _colour(bar: Bar) -> str:
    return _OURS if bar.name.startswith("firelib") else _COLOUR
