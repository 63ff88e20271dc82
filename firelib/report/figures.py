"""Figures as reports show them."""

from collections.abc import Mapping
from typing import Any

from firelib.console_tables import format_figure

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def show_bytes(size: float) -> str:
    """A size with the unit that suits it.

    Example:
        >>> show_bytes(1536), show_bytes(190_000_000)
        ('1.5 KiB', '181.2 MiB')
    """
    value, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"


def show_figure(value: Any) -> str:
    """A metric: a whole number with separators, otherwise four decimals; – for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,}" if isinstance(value, int) else format_figure(value)


def only_figures(content: Mapping[str, Any] | None) -> dict[str, float]:
    """The members of an object that are numbers."""
    return {
        name: value
        for name, value in (content or {}).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
