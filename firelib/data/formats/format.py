"""What a file format declares: how its files are recognised, and how they are read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from firelib.recipe import Source


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
    """

    name: str
    read: Callable[[Path, Source], pa.Table]
    names: str
    compressions: tuple[str, ...] = ()
    magic: bytes = b""
    infers_types: bool = False

    def matches_name(self, name: str) -> bool:
        """Whether a file with this name has the format."""
        compressions = "|".join(map(re.escape, self.compressions))
        return re.search(rf"(?:{self.names})(?:{compressions})?$", name, re.IGNORECASE) is not None
