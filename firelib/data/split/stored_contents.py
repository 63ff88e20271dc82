"""What may be in two splits (`leakage.Contents`) as bytes, of which the part of a smaller sample can be read.

A large dataset needs only the smallest hashes of each of its generations. So hashes are stored in ascending order, in
sections that end at the same hashes everywhere: a sample is in the first sections. Each section has a checksum, so that
the others need not be read.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from firelib.data.split.leakage import Contents, count_below
from firelib.data.split.leakage_summary import ROWS
from firelib.data.split.position import HASH_SPACE

# Where sections end, ascending: at … 1/4, 3/8, 1/2, 3/4 and all of the hashes.
_ENDS = tuple(HASH_SPACE * share >> 2 + octave for octave in reversed(range(8)) for share in (3, 4))
_VALUE_BYTES = 8


@dataclass(frozen=True)
class StoredArray:
    """Where an array is.

    Attributes:
        start: Offset of its first byte.
        edges: Index of the value after each section.
        checksums: XXH3 hash of each section, 64 bits.
    """

    start: int
    edges: tuple[int, ...]
    checksums: tuple[int, ...]


@dataclass(frozen=True)
class StoredHashes:
    """Hashes of a split, as `Contents` has them.

    Attributes:
        split: The split.
        name: `ROWS`, `KEYS`, or the name of a group.
        hashes: Where the hashes are.
        counts: Where the number of rows of each hash is, if they are counted.
    """

    split: str
    name: str
    hashes: StoredArray
    counts: StoredArray | None = None


def write_contents(contents: Mapping[str, Contents]) -> tuple[tuple[StoredHashes, ...], bytes]:
    """The bytes, and what is where in them.

    Args:
        contents: Split → what it holds.
    """
    sink = bytearray()
    stored = []
    for split, each in contents.items():
        for name, hashes in each.hashes.items():
            edges = tuple(count_below(hashes, end) for end in _ENDS)
            counts = each.counts if name == ROWS else None
            arrays = [_append(hashes.astype("<u8"), edges, sink)]
            if counts is not None:
                arrays.append(_append(counts.astype("<i8"), edges, sink))
            stored.append(StoredHashes(split, name, *arrays))
    return tuple(stored), bytes(sink)


def _append(values: npt.NDArray[Any], edges: tuple[int, ...], sink: bytearray) -> StoredArray:
    start = len(sink)
    sections = [values[first:stop].tobytes() for first, stop in pairwise((0, *edges))]
    for section in sections:
        sink += section
    return StoredArray(start, edges, tuple(map(xxhash.xxh3_64_intdigest, sections)))


def read_contents(stored: Sequence[StoredHashes], limit: int, read: Callable[[int, int], bytes]) -> dict[str, Contents]:
    """Split → what it holds below a limit, and a little more; without times.

    Args:
        stored: What `write_contents` returned.
        limit: The limit of the hashes.
        read: Reads bytes, from their offset and their number.

    Raises:
        ValueError: The bytes are damaged.
    """
    found: dict[str, Contents] = {}
    for each in stored:
        contents = found.setdefault(each.split, Contents())
        contents.hashes[each.name] = _read(each.hashes, "<u8", limit, read)
        if each.counts:
            found[each.split] = Contents(contents.hashes, {}, _read(each.counts, "<i8", limit, read))
    return found


def _read(array: StoredArray, dtype: str, limit: int, read: Callable[[int, int], bytes]) -> npt.NDArray[Any]:
    edges = array.edges[: bisect_left(_ENDS, limit) + 1]
    content = read(array.start, edges[-1] * _VALUE_BYTES)
    for (first, stop), checksum in zip(pairwise((0, *edges)), array.checksums, strict=False):
        if xxhash.xxh3_64_intdigest(memoryview(content)[first * _VALUE_BYTES : stop * _VALUE_BYTES]) != checksum:
            raise ValueError("a section does not match its checksum")
    return np.frombuffer(content, dtype)
