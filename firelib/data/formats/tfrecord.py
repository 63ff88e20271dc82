"""TFRecord files of `tf.train.Example`, plain or gzipped, of any writer."""

import gzip
import struct
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from firelib.data.formats.format import Format, Head
from firelib.recipe import Source
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES

_GZIP = b"\x1f\x8b"


def read_tfrecord(path: Path, source: Source) -> pa.Table:  # noqa: ARG001  every reader takes both
    """A TFRecord file as a table with one column for each feature of its Examples.

    A feature with one value in each record is a scalar, others are lists. A record does not tell text from bytes: all
    are bytes, which `Source.types` can declare to be strings.

    Args:
        path: The file.
        source: Not used: the records tell their types.

    Raises:
        FirelibError: The file is damaged, or holds other records than Examples.
    """
    from firelib.tfrecord.read.dataset import open_dataset  # loads Numba, which other formats do not need

    return cast(pa.Table, open_dataset(str(path)).as_arrow("train"))


def read_tfrecord_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:
    """The first rows of a TFRecord file; the features of other records are not known.

    Args:
        file: The file.
        name: Its name.
        source: Not used.
        rows: Number of rows.

    Raises:
        FirelibError: As for `read_tfrecord`.
        OSError: The gzip data are damaged.
    """
    packed = file.read(2) == _GZIP
    file.seek(0)
    with tempfile.TemporaryDirectory() as folder, gzip.open(file) if packed else nullcontext(file) as stream:
        head = Path(folder, Path(name.removesuffix(".gz")).name)
        with head.open("wb") as copy:
            for _ in range(rows):
                header = stream.read(HEADER_BYTES)
                if not header:
                    break
                size = struct.unpack("<Q", header[:8])[0] if len(header) == HEADER_BYTES else 0
                copy.write(header)
                copy.write(stream.read(min(size, 1 << 30) + FOOTER_BYTES))
        return Head(read_tfrecord(head, source), not stream.read(1))


TFRECORD = Format(
    name="tfrecord",
    read=read_tfrecord,
    read_head=read_tfrecord_head,
    names=r"\.(tfrecord|tfrecords|tfrec)",
    compressions=(".gz",),
)
