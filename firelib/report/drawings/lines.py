"""A line chart: curves, and marks along the x axis such as restarts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from firelib.report.drawings.axis import label, ticks

Points = Sequence[tuple[float, float]]

_LARGEST = 1e300  # the difference of two larger numbers may be infinite
_MOST_POINTS = 400  # of a curve; more cannot be told apart at this width


@dataclass(frozen=True)
class Tick:
    """A number of an axis.

    Attributes:
        at: Its coordinate.
        label: Its text.
    """

    at: float
    label: str


@dataclass(frozen=True)
class LineChart:
    """A line chart. Points that are not finite, or beyond 1e300, are left out.

    Attributes:
        title: Its caption.
        x: What the x axis shows.
        y: What the y axis shows.
        curves: Name → points.
        marks: Name → value of x at which a dashed line is drawn.
    """

    kind: ClassVar[str] = "lines"
    width: ClassVar[int] = 640
    height: ClassVar[int] = 260
    left: ClassVar[int] = 58
    bottom: ClassVar[int] = 40
    top: ClassVar[int] = 10
    right: ClassVar[int] = 14

    title: str
    x: str
    y: str
    curves: Mapping[str, Points]
    marks: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def finite(self) -> dict[str, list[tuple[float, float]]]:
        """The points of each curve that can be drawn."""
        return {
            name: [point for point in points if all(abs(value) <= _LARGEST for value in point)]
            for name, points in self.curves.items()
        }

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        points = [point for curve in self.finite.values() for point in curve] or [(0.0, 0.0)]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return min(xs), max(xs), min(ys), max(ys)

    def at_x(self, value: float) -> float:
        """Coordinate of a value of x."""
        low, high, _, _ = self._bounds
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def at_y(self, value: float) -> float:
        """Coordinate of a value of y."""
        _, _, low, high = self._bounds
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.height - self.bottom - share * (self.height - self.bottom - self.top), 1)

    @property
    def paths(self) -> dict[str, str]:
        """Name → points of a `polyline`."""
        return {
            name: " ".join(f"{self.at_x(x)},{self.at_y(y)}" for x, y in thin_out(points))
            for name, points in self.finite.items()
        }

    @property
    def x_ticks(self) -> list[Tick]:
        """Numbers along the x axis."""
        low, high, _, _ = self._bounds
        return [Tick(self.at_x(value), label(value)) for value in ticks(low, high)]

    @property
    def y_ticks(self) -> list[Tick]:
        """Numbers along the y axis."""
        _, _, low, high = self._bounds
        return [Tick(self.at_y(value), label(value)) for value in ticks(low, high)]

    @property
    def alt(self) -> str:
        """What the chart shows, for readers who cannot see it."""
        parts = [
            f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for name, points in self.finite.items() if points
        ]
        marks = [f"{name} at {self.x} {value:,.0f}" for name, value in self.marks.items()]
        return f"{self.title}: {self.y} over {self.x}. {'; '.join([*parts, *marks])}."


def thin_out(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means of neighbours, so that no curve has more than 400 points."""
    size = -(-len(points) // _MOST_POINTS) if points else 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]
