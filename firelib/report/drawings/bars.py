"""A bar chart with horizontal bars and their spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from firelib.report.drawings.axis import label


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        name: What was measured.
        value: The figure.
        low: Lowest figure.
        high: Highest figure.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """The figure as text."""
        return label(self.value) if abs(self.value) >= 1 else f"{self.value:.3g}"


@dataclass(frozen=True)
class BarChart:
    """A bar chart.

    Attributes:
        title: Its caption.
        unit: Unit of the figures.
        bars: Its bars, in their order.
    """

    kind: ClassVar[str] = "bars"
    width: ClassVar[int] = 640
    left: ClassVar[int] = 210
    right: ClassVar[int] = 80
    row: ClassVar[int] = 22

    title: str
    unit: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """Height of the drawing."""
        return self.row * len(self.bars) + 6

    def at(self, value: float) -> float:
        """Coordinate of a figure."""
        most = max((bar.high for bar in self.bars), default=0.0) or 1.0
        return round(self.left + max(0.0, value) / most * (self.width - self.left - self.right), 1)

    @property
    def alt(self) -> str:
        """What the chart shows, for readers who cannot see it."""
        return f"{self.title}, {self.unit}: {'; '.join(f'{bar.name} {bar.label}' for bar in self.bars)}."
