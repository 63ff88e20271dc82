"""How long a training worker waits for rows from a bucket."""

from dataclasses import dataclass
from math import ceil

from firelib.launch.client.capacity.model.network import Network
from firelib.tfrecord.read.epoch_order import LANES, WINDOW_BLOCKS

_PARALLEL = 100  # requests at the same time: the limit of aiohttp, on which gcsfs, s3fs and fsspec's HTTP rely


@dataclass(frozen=True)
class ReadCurve:
    """Seconds to fetch a window of rows: `firelib.tfrecord.read.epoch_order` says what a window is.

    A worker reads its part of the next window while it trains on this one.

    Attributes:
        block_rows: Rows of a block, which is one request.
        row_bytes: Bytes of a row.
        request: Seconds of a worker's core for each request.
        row: Seconds of a worker's core for each row: decoding.
    """

    block_rows: int
    row_bytes: float
    request: float
    row: float

    @property
    def window_rows(self) -> int:
        """Rows of a window over all workers."""
        return LANES * WINDOW_BLOCKS * self.block_rows

    def requests(self, workers: int) -> int:
        """Requests of one worker for a window: its lanes' blocks, and one that a lane shares with the next window.

        Args:
            workers: Workers of the group.
        """
        return ceil(LANES / workers) * (WINDOW_BLOCKS + 1)

    def fetch(self, workers: int, machines: int, network: Network) -> float:
        """Seconds in which each of the workers fetches its part of a window, while the others do, too.

        Args:
            workers: Workers of the group.
            machines: Machines that they run on.
            network: The network to the bucket.
        """
        requests, share = self.requests(workers), self.window_rows / workers
        rounds = ceil(requests / _PARALLEL)
        transfer = share * self.row_bytes / network.share(workers, machines)
        return requests * self.request + rounds * network.latency + transfer

    def window(self, workers: int, machines: int, network: Network) -> float:
        """Seconds in which the workers read a window and do nothing else: fetching and decoding overlap.

        Args:
            workers: Workers of the group.
            machines: Machines that they run on.
            network: The network to the bucket.
        """
        return max(self.fetch(workers, machines, network), self.row * self.window_rows / workers)


def missing_share(epoch: int, machines: int, is_cached: bool) -> float:
    """The share of its rows that a machine must still fetch in an epoch.

    Each epoch deals the rows anew, so a machine has seen all of them only after several epochs, unless it is alone.

    Args:
        epoch: The epoch, counted from 0.
        machines: Machines that train.
        is_cached: Whether the whole split fits into each machine's cache.
    """
    return (1 - 1 / machines) ** epoch if is_cached else 1.0
