"""A timeline: a lane for each process, a span for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from firelib.report.drawings.axis import label, ticks
from firelib.report.drawings.lines import Tick


@dataclass(frozen=True)
class Span:
    """A task.

    Attributes:
        lane: Where it ran.
        name: What it did.
        start: Seconds since the beginning.
        end: Seconds since the beginning.
    """

    lane: str
    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """A timeline.

    Attributes:
        title: Its caption.
        spans: The tasks.
    """

    kind: ClassVar[str] = "timeline"
    width: ClassVar[int] = 640
    left: ClassVar[int] = 150
    right: ClassVar[int] = 14
    row: ClassVar[int] = 22
    bottom: ClassVar[int] = 36
    colours: ClassVar[int] = 4

    title: str
    spans: Sequence[Span]

    @cached_property
    def lanes(self) -> dict[str, int]:
        """Name of a lane → its upper edge."""
        names = dict.fromkeys(span.lane for span in self.spans)
        return {name: index * self.row for index, name in enumerate(names)}

    @cached_property
    def kinds(self) -> dict[str, int]:
        """Name of a task → number of its colour; those that took longest come first."""
        seconds: dict[str, float] = {}
        for span in self.spans:
            seconds[span.name] = seconds.get(span.name, 0.0) + span.end - span.start
        names = sorted(seconds, key=lambda name: (-seconds[name], name))
        return {name: min(index + 1, self.colours) for index, name in enumerate(names)}

    @property
    def height(self) -> int:
        """Height of the drawing."""
        return self.row * len(self.lanes) + self.bottom

    @cached_property
    def seconds(self) -> float:
        """The end of the last task."""
        return max((span.end for span in self.spans), default=0.0) or 1.0

    def at(self, seconds: float) -> float:
        """Coordinate of a time."""
        return round(self.left + max(0.0, seconds) / self.seconds * (self.width - self.left - self.right), 1)

    @property
    def ticks(self) -> list[Tick]:
        """Numbers along the axis."""
        return [Tick(self.at(value), label(value)) for value in ticks(0, self.seconds)]

    @property
    def alt(self) -> str:
        """What the timeline shows, for readers who cannot see it."""
        longest = ", ".join(list(self.kinds)[: self.colours])
        return f"{self.title}: {len(self.spans)} tasks in {len(self.lanes)} processes, {self.seconds:.1f} s; {longest}."
