"""Tables of the differences between two states, narrower than 80 columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from firelib.compare.facts import Facts
from firelib.console import printable, table
from firelib.console_tables import is_higher_better

#: Columns of the terminal that the tables need.
WIDTH = 79
_VALUE_CHARACTERS = 22


def difference_tables(before: Facts, after: Facts) -> Iterator[RenderableType]:
    """Describe how two states differ.

    Args:
        before: The first state.
        after: The second state.

    Yields:
        Tables of data, parameters and metrics, or a line where nothing differs.
    """
    yield Text(printable(f"A: {before.name}\nB: {after.name}"))
    yield _changes("Data", before.data, after.data, only_changes=False)
    yield _changes("Parameters that differ", before.params, after.params, only_changes=True)
    yield _metrics(before.metrics, after.metrics)


def _changes(title: str, before: Mapping[str, Any], after: Mapping[str, Any], only_changes: bool) -> RenderableType:
    names = [name for name in {**before, **after} if before.get(name) is not None or after.get(name) is not None]
    names = [name for name in names if not only_changes or before.get(name) != after.get(name)]
    if not names:
        return Text(f"{title}: none")
    rows = [[_shorten(name), _show(before.get(name)), _mark(before.get(name), after.get(name))] for name in names]
    return table(title, ["", "A", "B"], rows)


def _mark(before: Any, after: Any) -> str:
    return "same" if before == after else _show(after)


def _show(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return _shorten(
        f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _shorten(text: str, most: int = _VALUE_CHARACTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _metrics(before: Mapping[str, float], after: Mapping[str, float]) -> RenderableType:
    names = sorted({*before, *after}, key=lambda name: (name.startswith("train: "), name))
    if not names:
        return Text("Metrics: none")
    rows = [[_shorten(name), *_metric_row(name, before.get(name), after.get(name))] for name in names]
    return table("Metrics", ["", "A", "B", "B − A", ""], rows)


def _metric_row(name: str, before: float | None, after: float | None) -> list[str]:
    shown = [_show_metric(before), _show_metric(after)]
    if before is None or after is None:
        return [*shown, "", ""]
    return [*shown, _show_difference(before, after), _judge(name, before, after)]


def _show_metric(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


def _show_difference(before: float, after: float) -> str:
    if isinstance(before, int) and isinstance(after, int):
        return f"{after - before:+,}"
    return f"{after - before:+.4f}" if abs(after - before) < 1e6 else f"{after - before:+.3g}"


def _judge(name: str, before: float, after: float) -> str:
    higher = is_higher_better(name)
    if higher is None or before == after:
        return "" if higher is None else "equal"
    return "better" if (after > before) == higher else "worse"
