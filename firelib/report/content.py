"""What a report consists of, without any HTML: sections, and the blocks that they hold."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from firelib.report.drawings.bars import BarChart
from firelib.report.drawings.graph import Graph
from firelib.report.drawings.lines import LineChart
from firelib.report.drawings.timeline import Timeline

#: Rows of a table that are shown; the others are counted.
MOST_ROWS = 200
_FIGURE = re.compile(r"[-+−]?\$?\d[\d,.]*(e[-+]?\d+)?( ?(%|×|s|ms|KiB|MiB|GiB|B|rows/s))?|–|")


@dataclass(frozen=True)
class Facts:
    """Names and values.

    Attributes:
        rows: Name → value; a name without a value is left out.
    """

    kind: ClassVar[str] = "facts"
    rows: Mapping[str, object]

    @property
    def shown(self) -> dict[str, str]:
        """The names that have a value."""
        return {name: str(value) for name, value in self.rows.items() if value not in (None, "", [])}


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: Its caption.
        columns: Headers.
        rows: Cells, one sequence for each row.
        note: A remark below it.
    """

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    @property
    def shown(self) -> Sequence[Sequence[str]]:
        """The rows that are shown."""
        return self.rows[:MOST_ROWS]

    @property
    def hidden(self) -> int:
        """Number of the other rows."""
        return len(self.rows) - len(self.shown)

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds figures only, which are aligned to the right."""
        cells = [[row[index] for row in self.shown if index < len(row)] for index in range(len(self.columns))]
        return [any(column) and all(_FIGURE.fullmatch(cell) for cell in column) for column in cells]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Code:
    """Commands or a file.

    Attributes:
        title: What it is.
        lines: Its lines.
    """

    kind: ClassVar[str] = "code"
    title: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A picture that the pipeline drew.

    Attributes:
        uri: A `data:` URI with its content.
        alt: What it shows, for readers who cannot see it.
        caption: Its title.
    """

    kind: ClassVar[str] = "picture"
    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Missing:
    """Evidence that the project does not have.

    Attributes:
        what: What is missing.
        remedy: What makes it, as an imperative.
    """

    kind: ClassVar[str] = "missing"
    what: str
    remedy: str = ""


Block = Facts | Table | Text | Code | Picture | Missing | LineChart | BarChart | Graph | Timeline


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        title: Its heading.
        blocks: What it holds.
        parts: Its subsections.
    """

    title: str
    blocks: Sequence[Block] = ()
    parts: Sequence["Section"] = ()

    @property
    def anchor(self) -> str:
        """The id of its heading."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def walk(self) -> Iterator["Section"]:
        """The section and all subsections."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        title: Its heading.
        subtitle: A sentence below it.
        sections: Its sections.
        metadata: Name → value of the `meta` elements that machines read, such as hashes.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[tuple[str, Missing]]:
        """Everything that is missing, with the heading of the section that lacks it."""
        parts = [part for section in self.sections for part in section.walk()]
        return [(part.title, block) for part in parts for block in part.blocks if isinstance(block, Missing)]
