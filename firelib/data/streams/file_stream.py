"""What opening a file for streaming gives, whatever its format."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from firelib.data.streams.row_stream import RowStream
from firelib.data.streams.type_scan import TypeScan
from firelib.recipe import Source


@dataclass(frozen=True)
class FileStream:
    """A file whose types are known.

    Attributes:
        rows: Its rows, with the types that the format's reader would give the whole file.
        texts: Column that stays text because of the recipe → what its values would be.
    """

    rows: RowStream
    texts: Mapping[str, TypeScan] = field(default_factory=dict)


#: Opens a file. The columns are those whose texts are looked at. None: the file can only be read as a whole.
OpenFile = Callable[[Path, Source, Collection[str]], FileStream | None]
