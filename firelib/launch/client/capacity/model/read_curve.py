"""How long training waits for rows from a bucket.

A worker reads a window ahead (`firelib.tfrecord.read.epoch_order`). A machine fetches whole chunks into its cache
(`firelib.tfrecord.read.shards.sparse_copy`), and a chunk has several blocks of rows, which belong to the same lane, but
to different windows. So the first windows of a training fetch much more than their own rows, and later ones find most
of theirs in the cache.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
import numpy.typing as npt

from firelib.launch.client.capacity.model.group import Group
from firelib.tfrecord.read.epoch_order import LANES, WINDOW_BLOCKS
from firelib.tfrecord.read.shards.sparse_copy import BLOCK_BYTES

#: Bytes of a chunk.
CHUNK_BYTES = BLOCK_BYTES

_MOST_POINTS = 128  # windows of an epoch that are computed; they stand for all


@dataclass(frozen=True)
class ReadCurve:
    """How workers read rows.

    Attributes:
        block_rows: Rows of a block, which stay in one window.
        row_bytes: Bytes of a row.
        request: Seconds of a core for a request of one chunk.
        row: Seconds of a core for each row: decoding.
    """

    block_rows: int
    row_bytes: float
    request: float
    row: float

    @property
    def window_rows(self) -> int:
        """Rows of a window over all workers."""
        return LANES * WINDOW_BLOCKS * self.block_rows

    @property
    def chunk_blocks(self) -> float:
        """Blocks of a chunk."""
        return max(1.0, CHUNK_BYTES / (self.block_rows * self.row_bytes))

    def count_chunks(self, rows: float) -> float:
        """Chunks of a split.

        Args:
            rows: Rows of the split.
        """
        return rows / (self.chunk_blocks * self.block_rows)

    def new_chunks(self, epochs: int, rows: float, machines: int, is_cached: bool = True) -> npt.NDArray[np.float64]:
        """Chunks that a machine lacks and fetches in the windows of each epoch, on average over all orders of rows.

        Args:
            epochs: Epochs, from the first one on.
            rows: Rows of the split.
            machines: Machines, each of which reads some lanes, others in each epoch.
            is_cached: Whether the whole split fits into each machine's cache. Without a cache, each block is fetched
                in every epoch, and a chunk for itself.

        Returns:
            float64 [epochs, points]: the chunks of a window; the points are spread evenly over the windows of an epoch.
        """
        return _count_new_chunks(self, epochs, rows, ceil(LANES / machines) / LANES, is_cached)

    def fetch(self, chunks: npt.NDArray[np.float64], group: Group) -> npt.NDArray[np.float64]:
        """Seconds in which each machine fetches some chunks for a window.

        Args:
            chunks: Chunks of each machine, float64 of any shape.
            group: The workers; those of a machine share its requests.
        """
        network = group.network
        share = min(network.bucket_bytes / group.machines, network.machine_bytes)
        latency = network.latency * -np.expm1(-chunks)  # a window that lacks nothing waits for nothing
        return np.asarray(chunks * (self.request / group.per_machine + CHUNK_BYTES / share) + latency)

    def waiting(self, epochs: int, rows: float, group: Group, window_seconds: float, is_cached: bool = True) -> float:
        """Seconds in which training waits for the bucket, over all epochs.

        Args:
            epochs: Epochs of the training.
            rows: Rows of the split.
            group: The workers.
            window_seconds: Seconds in which they train on a window, while they fetch the next one.
            is_cached: Whether the whole split fits into each machine's cache.
        """
        fetching = self.fetch(self.new_chunks(epochs, rows, group.machines, is_cached), group)
        per_point = max(1.0, rows / self.window_rows) / fetching.shape[1]
        longer = np.maximum(0.0, fetching - window_seconds)
        first = min(float(fetching[0, 0]), window_seconds)  # nothing is trained on while the first window is fetched
        return first + float(longer.sum() * per_point)


@lru_cache(maxsize=1024)
def _count_new_chunks(
    curve: ReadCurve, epochs: int, rows: float, share: float, is_cached: bool
) -> npt.NDArray[np.float64]:
    """See `ReadCurve.new_chunks`; `share` is that of the lanes which a machine reads."""
    windows = max(1.0, rows / curve.window_rows)
    points = int(min(_MOST_POINTS, windows))
    if not is_cached:
        return np.full((epochs, points), rows / curve.block_rows * share / windows)
    left = (1 - np.linspace(0, 1, points + 1)) ** curve.chunk_blocks  # of a lane's chunks: none of their blocks is read
    begun = (1 - share) ** np.arange(epochs)  # of all chunks: in no lane of earlier epochs
    lacking = begun[:, None] * (1 - share * (1 - left))
    return np.asarray(-np.diff(lacking) * curve.count_chunks(rows) * points / windows)
