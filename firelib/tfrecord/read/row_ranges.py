"""Map ranges of a split's rows to ranges of its shards' rows."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def split_by_shard(shard_starts: Rows, starts: Rows, stops: Rows) -> list[tuple[int, int, int]]:
    """Split ranges of rows at the boundaries of shards.

    Args:
        shard_starts: int64 [shards + 1]: the split's row at which each shard starts, and the number of rows.
        starts: First row of each range, int64 [ranges].
        stops: The row after the last of each range, int64 [ranges].

    Returns:
        For each piece: the shard's index, its first row in the shard, and the row after its last.
    """
    bounds = zip(starts.tolist(), stops.tolist(), strict=True)
    return [piece for start, stop in bounds for piece in _pieces(shard_starts, start, stop)]


def _pieces(shard_starts: Rows, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    shard = int(np.searchsorted(shard_starts, start, side="right")) - 1
    while start < stop:
        begin, end = int(shard_starts[shard]), min(stop, int(shard_starts[shard + 1]))
        if start < end:
            yield shard, start - begin, end - begin
        start, shard = end, shard + 1
