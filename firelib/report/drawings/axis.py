"""Round numbers along an axis."""

import math

_STEPS = (1, 2, 2.5, 5, 10)
_WANTED = 5  # ticks, about


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds.

    Args:
        low: Lower bound.
        high: Upper bound.

    Returns:
        Up to seven numbers in ascending order; the lower bound alone if there is nothing between both.

    Example:
        >>> ticks(0.13, 0.86)
        [0.2, 0.4, 0.6, 0.8]
    """
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / _WANTED))
    step = next(factor * power for factor in _STEPS if span / (factor * power) <= _WANTED)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def label(value: float) -> str:
    """A number of an axis: no more digits than it needs.

    Example:
        >>> label(0.25), label(1200), label(2_500_000)
        ('0.25', '1,200', '2.5M')
    """
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
