"""A CSV file that is read several times, block by block."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from firelib.data.formats.csv import CsvReader
from firelib.data.formats.csv_input import CsvInput
from firelib.data.streams.csv_blocks import CsvBlock, read_blocks, read_known_blocks
from firelib.data.streams.read_ahead import T, Unit, read_in_order
from firelib.recipe import Source

_GROWTH = 4  # memory of a block that is being read ÷ its text


class CsvFile:
    """A CSV file.

    Args:
        path: The file.
        source: Declares dialect and types.

    Attributes:
        names: Names of its columns; None if it has no rows or cannot be cut.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._input = CsvInput(path, path.name, source)
        self.names: Sequence[str] | None = None
        self._sizes: list[int] = []  # of the blocks, once all were read
        first = None if self._input.dialect.comment else next(self._blocks(), None)
        if first is not None:
            self.names = CsvReader(first, None).read_inferred()[0].column_names

    def _blocks(self) -> Iterator[CsvBlock]:
        sizes = []
        with CsvReader(self._input, None).explain():
            blocks = read_known_blocks(self._input, self._sizes) if self._sizes else read_blocks(self._input)
            for index, content in enumerate(blocks):
                sizes.append(len(content))
                if not content.isspace() or content.strip(b"\r\n"):  # Arrow skips empty lines, but wants others
                    yield CsvBlock(self._input, content, self.names if index else None)
        self._sizes = sizes

    def units(self, read: Callable[[CsvReader], T]) -> Iterator[Unit[T]]:
        """Read all blocks once, in parallel.

        Args:
            read: Reads a block.
        """
        for block in self._blocks():
            size = len(block.content)
            yield Unit(partial(_read, read, block), size * _GROWTH, size)

    def map(self, read: Callable[[CsvReader], T]) -> Iterator[T]:
        """What a function says about each block, in order.

        Args:
            read: Reads a block.
        """
        return read_in_order(self.units(read))


def _read(read: Callable[[CsvReader], T], block: CsvBlock) -> Iterator[T]:
    yield read(CsvReader(block, None))
