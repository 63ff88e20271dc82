"""Files of distinct strings and their number of occurrences, which are merged without holding all of them in memory.

A file has a block for each of `_BUCKETS` ranges of the strings' hash, so that files are merged bucket by bucket: the
memory of a merge is that of one bucket of its inputs. The files of shards are kept with the records of generations, so
that a generation that is not made again still gives its words; the files of merges are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import xxhash

from firelib import storage
from firelib.data.shuffle.block_files import BlockFile, encode_blocks, read_blocks, stream_blocks, write_blocks

_BUCKETS = 64
_BITS = 58  # of a hash of 64 bits: the other ones tell the bucket
_SCHEMA = pa.schema([("word", pa.large_string()), ("count", pa.int64())])
WORD, COUNT = _SCHEMA.names
#: What the names of the files of shards end with.
SUFFIX = ".words"


@dataclass(frozen=True)
class WordFile:
    """The distinct strings of a feature in a shard, in a file that is named by its content.

    Attributes:
        name: Name of the file: the XXH3 hash of its content, 128 bits in hex, and `SUFFIX`.
        offsets: Where each block begins, in bytes, and where the last one ends.
    """

    name: str
    offsets: tuple[int, ...]

    @property
    def xxh128(self) -> str:
        """The hash of the content."""
        return self.name.removesuffix(SUFFIX)

    def locate(self, folder: str) -> BlockFile:
        """The file in a folder.

        Args:
            folder: URI of the folder.
        """
        return BlockFile(storage.join(folder, self.name), _SCHEMA, np.array(self.offsets, np.int64))


def store_counts(occurrences: Mapping[str, int], folder: str) -> WordFile:
    """Write the distinct strings of a shard into a file that is named by its content.

    Args:
        occurrences: String → number of occurrences.
        folder: URI of the folder.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    rows, edges = _sort_into_buckets(occurrences)
    sink = pa.BufferOutputStream()
    offsets = encode_blocks(rows.combine_chunks(), edges, sink)
    content = sink.getvalue()
    name = f"{xxhash.xxh3_128_hexdigest(content)}{SUFFIX}"
    storage.write_bytes(storage.join(folder, name), content.to_pybytes())
    return WordFile(name, tuple(offsets))


def write_counts(occurrences: Mapping[str, int], uri: str) -> BlockFile:
    """Write distinct strings.

    Args:
        occurrences: String → number of occurrences.
        uri: The file.

    Raises:
        FirelibError: The disk is full.
    """
    return write_blocks(*_sort_into_buckets(occurrences), uri)


def _sort_into_buckets(occurrences: Mapping[str, int]) -> tuple[pa.Table, list[int]]:
    """The rows of a file, and the indices at which its blocks begin."""
    words, counts = pa.array(occurrences.keys(), pa.large_string()), pa.array(occurrences.values(), pa.int64())
    buckets = _find_buckets(words)
    order = np.argsort(buckets, kind="stable")
    edges = np.searchsorted(buckets[order], np.arange(_BUCKETS + 1))
    return pa.table([words, counts], schema=_SCHEMA).take(pa.array(order)), edges.tolist()


def merge_counts(files: Sequence[BlockFile], uri: str) -> BlockFile:
    """Add the occurrences of equal strings in several files.

    Args:
        files: What to merge.
        uri: The file to write.

    Raises:
        FirelibError: The disk is full.
    """
    return stream_blocks((_add_up(bucket) for bucket in _read_buckets(files)), _SCHEMA, uri)


def find_most_frequent(file: BlockFile, most: int) -> tuple[pa.Table, int]:
    """The most frequent strings.

    Args:
        file: Distinct strings.
        most: How many strings to return.

    Returns:
        The strings and their occurrences, most frequent first, ties by value; and the number of all strings.
    """
    kept, total = _SCHEMA.empty_table(), 0
    for bucket in _read_buckets([file]):
        total += bucket.num_rows
        kept = pa.concat_tables([kept, bucket])
        if kept.num_rows > 2 * most:  # so that each string is sorted a few times only
            kept = _sort(kept).slice(0, most)
    return _sort(kept).slice(0, most), total


def _read_buckets(files: Sequence[BlockFile]) -> Iterator[pa.Table]:
    for index in range(_BUCKETS):
        yield pa.concat_tables(read_blocks([file.select(index, index + 1) for file in files]))


def _add_up(bucket: pa.Table) -> pa.Table:
    added = bucket.group_by(WORD, use_threads=False).aggregate([(COUNT, "sum")])
    return added.rename_columns({f"{COUNT}_sum": COUNT}).select(_SCHEMA.names).sort_by(WORD)


def _sort(counts: pa.Table) -> pa.Table:
    return counts.sort_by([(COUNT, "descending"), (WORD, "ascending")]).combine_chunks()


def _find_buckets(words: pa.Array) -> npt.NDArray[np.int64]:
    """The bucket of each string: the same in every process."""
    hashes = pd.util.hash_array(words.to_numpy(zero_copy_only=False), categorize=False)
    return (hashes >> np.uint64(_BITS)).astype(np.int64)
