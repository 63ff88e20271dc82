"""Serialized Examples of shards, for peers that store bytes."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES
from firelib.tfrecord.read.external_records import scan_offsets


def read_records(shards: Sequence[Path | str], rows: int) -> list[bytes]:
    """Read the first records of shards.

    Args:
        shards: The files, in order.
        rows: Number of records; all if there are fewer.
    """
    records: list[bytes] = []
    for shard in map(Path, shards):
        ends = scan_offsets(shard, str(shard))[: rows - len(records) + 1].tolist()
        content = memoryview(shard.read_bytes())
        records += [bytes(content[begin + HEADER_BYTES : end - FOOTER_BYTES]) for begin, end in pairwise(ends)]
    return records
