"""Divide the generations of a dataset into spans. A pure function of their number.

A span has 8, 64, 512 … generations, and begins at a multiple of that. So a dataset has at most seven spans of each
size, and a generation that is added leaves all of them what they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from firelib import storage

_WIDTH = 8


@dataclass(frozen=True)
class Span:
    """Adjacent generations.

    Attributes:
        first: Index of the first one.
        count: Number of generations: a power of `_WIDTH`.
    """

    first: int
    count: int = 1

    @property
    def indexes(self) -> range:
        """Indexes of the generations."""
        return range(self.first, self.first + self.count)

    def divide(self) -> "list[Span]":
        """The spans of the next smaller size; none of a single generation."""
        part = self.count // _WIDTH
        return [Span(first, part) for first in self.indexes[::part]] if part else []


def plan_spans(generations: int) -> list[Span]:
    """The largest spans of a dataset, oldest first. The last generation is not in one with others: it may still grow.

    Args:
        generations: Number of generations, at least one.
    """
    spans: list[Span] = []
    first, closed = 0, generations - 1
    while first < closed:
        count = 1
        while first % (count * _WIDTH) == 0 and first + count * _WIDTH <= closed:
            count *= _WIDTH
        spans.append(Span(first, count))
        first += count
    return [*spans, Span(closed)]


def name_span(names: Sequence[str | None]) -> str | None:
    """The name of the record of a span; None if one of its generations has no name.

    Args:
        names: The names of the records of its generations, oldest first.
    """
    if len(names) == 1:
        return names[0]
    return None if None in names else storage.sha256_json({"span": list(names)})
