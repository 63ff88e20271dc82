"""Files with the hashes of the keys of a partition, sorted and cut into buckets, of which a range can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from firelib import storage
from firelib.data.split.position import Hashes, identify_keys

#: Number of buckets; the first bits of a key's hash are the number of its bucket.
BUCKETS = 256
#: Bytes of a key's hash.
KEY_BYTES = 16
#: What the names of the files end with.
SUFFIX = ".keys"


@dataclass(frozen=True)
class KeyFile:
    """The distinct keys of a partition.

    Attributes:
        name: Name of the file; it tells the content.
        edges: Index of the first key of each bucket, and the number of keys.
    """

    name: str
    edges: tuple[int, ...]


def write_keys(rows: pd.DataFrame, key: Sequence[str], folder: str) -> KeyFile:
    """Write the keys of a partition.

    Args:
        rows: Has the columns `key`.
        key: Columns that identify a row.
        folder: URI of the folder to write into.

    Raises:
        FirelibError: The disk is full.
    """
    keys = _sort_distinct(identify_keys(rows, key))
    content = keys.astype("<u8").tobytes()
    name = f"{xxhash.xxh3_128_hexdigest(content)}{SUFFIX}"
    storage.write_bytes(storage.join(folder, name), content)
    first = np.arange(BUCKETS, dtype=np.uint64) << np.uint64(56)
    return KeyFile(name, (*np.searchsorted(keys[:, 0], first).tolist(), len(keys)))


def _sort_distinct(keys: Hashes) -> Hashes:
    keys = keys[np.lexsort((keys[:, 1], keys[:, 0]))]
    is_new = np.append(True, (keys[1:] != keys[:-1]).any(axis=1))[: len(keys)]
    distinct: Hashes = keys[is_new]
    return distinct


def are_keys_intact(files: Sequence[KeyFile], sizes: Mapping[str, int | None]) -> bool:
    """Whether files are there in full.

    Args:
        files: The files.
        sizes: Name → size in bytes of what the folder holds.
    """
    return all(sizes.get(file.name) == file.edges[-1] * KEY_BYTES for file in files)


def compare_buckets(files: Sequence[Sequence[KeyFile]], folder: str, low: int, high: int) -> list[Hashes]:
    """The keys of each generation that an earlier one has, too, in a range of buckets.

    Args:
        files: The files of each generation, oldest first.
        folder: URI of the folder of the files.
        low: The first bucket.
        high: The bucket after the last.
    """
    parts = [(index, file) for index, each in enumerate(files) for file in each if file.edges[low] < file.edges[high]]
    empty = np.zeros((0, 2), np.uint64)
    contents = storage.read_ranges([_locate(file, folder, low, high) for _, file in parts])
    keys = [np.frombuffer(content, "<u8").reshape(-1, 2).astype(np.uint64) for content in contents]
    owners = np.concatenate([np.zeros(0, int), *(np.full(len(k), p[0]) for p, k in zip(parts, keys, strict=True))])
    every = np.concatenate([empty, *keys])
    order = np.lexsort((owners, every[:, 1], every[:, 0]))
    every, owners = every[order], owners[order]
    begins = np.append(True, (every[1:] != every[:-1]).any(axis=1))[: len(every)]
    earliest = owners[begins][np.cumsum(begins) - 1] if len(every) else owners
    repeated = owners > earliest
    return [_sort_distinct(every[repeated & (owners == index)]) for index in range(len(files))]


def _locate(file: KeyFile, folder: str, low: int, high: int) -> tuple[str, int, int]:
    return storage.join(folder, file.name), file.edges[low] * KEY_BYTES, file.edges[high] * KEY_BYTES


def is_repeated(rows: pd.DataFrame, key: Sequence[str], repeated: Hashes) -> npt.NDArray[np.bool_]:
    """Whether the key of each row is one of some keys.

    Args:
        rows: Has the columns `key`.
        key: Columns that identify a row.
        repeated: The keys, sorted; uint64 [keys, 2].
    """
    return contains_pairs(repeated, identify_keys(rows, key)) if len(repeated) else np.zeros(len(rows), bool)


def contains_pairs(known: Hashes, pairs: Hashes) -> npt.NDArray[np.bool_]:
    """Whether each pair of numbers is one of some known ones.

    Args:
        known: The known pairs; uint64 [known, 2].
        pairs: The pairs to look up; uint64 [pairs, 2].
    """
    both = np.dtype([("first", "<u8"), ("second", "<u8")])
    first, second = (np.ascontiguousarray(each, "<u8").view(both).ravel() for each in (pairs, known))
    return np.isin(first, second)
