"""A graph of stages, laid out in columns: each stage stands to the right of all that it depends on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import ClassVar


@dataclass(frozen=True)
class Node:
    """A box of the graph.

    Attributes:
        name: Its name.
        x: Left edge.
        y: Upper edge.
    """

    name: str
    x: int
    y: int


@dataclass(frozen=True)
class Graph:
    """A graph without circles.

    Attributes:
        title: Its caption.
        parents: Name of a node → names of the nodes that it depends on.
        notes: Name of a node → a line below its name.
    """

    kind: ClassVar[str] = "graph"
    box_width: ClassVar[int] = 140
    box_height: ClassVar[int] = 48
    gap: ClassVar[int] = 40

    title: str
    parents: Mapping[str, Sequence[str]]
    notes: Mapping[str, str]

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Name → box."""
        columns: list[list[str]] = []
        sorter = TopologicalSorter({name: set(self.parents[name]) for name in self.parents})
        sorter.prepare()
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            sorter.done(*ready)
            columns.append(ready)
        return {
            name: Node(name, 4 + column * (self.box_width + self.gap), 4 + row * (self.box_height + 20))
            for column, names in enumerate(columns)
            for row, name in enumerate(names)
        }

    @property
    def width(self) -> int:
        """Width of the drawing."""
        return max((node.x for node in self.nodes.values()), default=0) + self.box_width + 4

    @property
    def height(self) -> int:
        """Height of the drawing, with room for arrows that pass below the boxes."""
        return max((node.y for node in self.nodes.values()), default=0) + self.box_height + 44

    @property
    def arrows(self) -> list[str]:
        """`d` of the path of each arrow; one that skips a column passes below the boxes."""
        return [self._arrow(self.nodes[parent], self.nodes[name]) for parent, name in self._edges()]

    def _edges(self) -> Iterable[tuple[str, str]]:
        return [(parent, name) for name, parents in self.parents.items() for parent in sorted(set(parents))]

    def _arrow(self, start: Node, end: Node) -> str:
        middle = self.box_height // 2
        x, y = start.x + self.box_width, start.y + middle
        to_x, to_y = end.x - 5, end.y + middle
        if to_x - x <= self.gap:
            return f"M{x} {y} L{to_x} {to_y}"
        below = self.height - 10
        from_x, into_x = start.x + self.box_width // 2, end.x + self.box_width // 2 - 12
        bottom, target = start.y + self.box_height, end.y + self.box_height + 5
        down = f"M{from_x} {bottom} C{from_x} {below} {from_x + 30} {below} {(from_x + into_x) // 2} {below}"
        return f"{down} S{into_x} {below} {into_x} {target}"

    @property
    def alt(self) -> str:
        """What the graph shows, for readers who cannot see it."""
        edges = [f"{name} needs {', '.join(parents)}" for name, parents in self.parents.items() if parents]
        return f"{self.title}: {'; '.join(edges) or ', '.join(self.parents)}."
