"""What a file format declares: how its files are recognised, and how they are read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa

from firelib.recipe import Source


class Head(NamedTuple):
    """The first rows of a file.

    Attributes:
        rows: The rows.
        is_complete: Whether the file has no others.
    """

    rows: pa.Table
    is_complete: bool

    @classmethod
    def cut(cls, rows: pa.Table, most: int, is_complete: bool = True) -> "Head":
        """The first rows of rows that were read.

        Args:
            rows: At least one row more than wanted, unless the file, or what is read of it, has no more.
            most: Number of wanted rows.
            is_complete: Whether the file was read to its end, or up to the additional row.
        """
        return cls(rows.slice(0, most), is_complete and rows.num_rows <= most)


@dataclass(frozen=True)
class Format:
    r"""A file format.

    Attributes:
        name: Name for `Source.format` and for errors, such as `parquet`.
        read: Reads a file into a table; the source has its options. It may raise `pyarrow.ArrowInvalid` or `OSError`
            for an invalid file.
        names: Regular expression for the end of a file's name, in any case: `\.parquet`.
        compressions: Suffixes that may follow the name, such as `.gz`; `read` unpacks these files.
        magic: First bytes of every file, if the format defines any. They identify files whose name tells nothing.
        infers_types: Whether files do not tell the types of their columns. `read` then gets in `source.types` also the
            types that follow from the recipe's features and key, some for columns that the file may lack.
        has_integers: Whether files tell integers from other numbers. Otherwise, a column may be one of integers in one
            file, and of floats in another.
        read_head: Reads the first rows of an open file: file, its name, source and number of rows; fewer if they are
            large. Without it, a preview reads the whole file.
    """

    name: str
    read: Callable[[Path, Source], pa.Table]
    names: str
    compressions: tuple[str, ...] = ()
    magic: bytes = b""
    infers_types: bool = False
    has_integers: bool = True
    read_head: Callable[[IO[bytes], str, Source, int], Head] | None = None

    def matches_name(self, name: str) -> bool:
        """Whether a file with this name has the format."""
        compressions = "|".join(map(re.escape, self.compressions))
        return re.search(rf"(?:{self.names})(?:{compressions})?$", name, re.IGNORECASE) is not None
