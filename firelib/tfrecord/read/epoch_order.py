"""The order of an epoch: a pure function of (rows, batch size, seed, epoch), independent of the number of workers.

The rows of a split are cut into blocks, and the blocks are shuffled (`block_order`). Their concatenation is cut into
lanes, and every global batch takes an equal part of each lane. A *window* is a number of consecutive steps; within a
window, the rows of each lane are shuffled.

A batch therefore mixes rows from all over the file, the rows of a window lie in few blocks, and any step can be reached
by computing its window alone. Ranks take consecutive parts of a batch and thus different lanes, so together they read
every block about once.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from firelib.errors import FirelibError
from firelib.tfrecord.read.block_order import order_blocks
from firelib.tfrecord.read.row_ranges import Rows

#: Parts of the epoch that a batch mixes. More lanes mix better and cost memory, since each keeps a window of rows.
LANES = 16
_LANES_IN_FILE_ORDER = 4  # only sets the size of a window: large enough to read efficiently
#: Blocks of one lane whose rows are shuffled together.
WINDOW_BLOCKS = 8


@dataclass(frozen=True)
class EpochOrder:
    """Row numbers of one epoch, in training order.

    Attributes:
        rows: Rows of the split.
        batch_size: Rows of a global batch; the last batch is short, never dropped.
        seed: Seed of the order; None keeps the order of the files.
        epoch: Index of the epoch; each epoch has another order.
        block_rows: Consecutive rows of the file that stay in one window.
    """

    rows: int
    batch_size: int
    seed: int | None = None
    epoch: int = 0
    block_rows: int = 256

    def __post_init__(self) -> None:
        lowest = {"rows": 0, "batch_size": 1, "seed": 0, "epoch": 0, "block_rows": 1}
        wrong = [f"{name}={getattr(self, name)}" for name in lowest if _is_below(getattr(self, name), lowest[name])]
        if wrong:
            raise FirelibError(
                f"invalid order: {', '.join(wrong)}",
                where="EpochOrder",
                remedy="use 1 or more for batch_size and block_rows, 0 or more for rows, seed and epoch",
            )

    @property
    def steps(self) -> int:
        """Global batches of the epoch."""
        return -(-self.rows // self.batch_size)

    @property
    def window_steps(self) -> int:
        """Steps of a window, whose rows are shuffled together."""
        rows = WINDOW_BLOCKS * self.block_rows * (LANES if self.seed is not None else _LANES_IN_FILE_ORDER)
        return max(1, rows // self.batch_size)

    def batch_rows(self, step: int) -> int:
        """Number of rows of global batch `step`; only the last batch may have fewer than `batch_size`."""
        return min(self.batch_size, self.rows - step * self.batch_size)

    def batch(self, step: int) -> Rows:
        """Row numbers of global batch `step`."""
        return self.share(step, 0, 1)

    def share(self, step: int, rank: int, world_size: int) -> Rows:
        """Row numbers of one rank's share of a global batch; the shares of all ranks are the batch.

        Args:
            step: Index of the global batch.
            rank: The rank.
            world_size: Number of ranks.

        Raises:
            FirelibError: The rank is not in the world.
        """
        check_rank(rank, world_size)
        window = _cached_window(self, step // self.window_steps, rank, world_size)
        return window.rows[window.step_slice(step, step + 1)]

    def share_size(self, world_size: int) -> int:
        """Rows of the largest share of a full batch."""
        return -(-min(self.batch_size, self.rows) // world_size)

    def plan_window(self, index: int, rank: int, world_size: int) -> "Window":
        """Plan what one rank reads for its shares of all batches of a window.

        Args:
            index: Index of the window.
            rank: The rank.
            world_size: Number of ranks.

        Raises:
            FirelibError: The rank is not in the world.
        """
        first = index * self.window_steps
        steps = range(first, min(first + self.window_steps, self.steps))
        plan = self._in_file_order if self.seed is None else self._shuffled
        return plan(index, steps, rank, world_size)

    def _in_file_order(self, index: int, steps: range, rank: int, world_size: int) -> "Window":
        del index
        begins = np.asarray(steps, np.int64) * self.batch_size
        sizes = np.minimum(self.batch_size, self.rows - begins)
        starts, stops = begins + rank * sizes // world_size, begins + (rank + 1) * sizes // world_size
        gaps = np.flatnonzero(starts[1:] != stops[:-1])
        share = share_slice(self.batch_size, rank, world_size)
        return Window(
            steps.start,
            share.stop - share.start,
            starts[np.r_[0, gaps + 1]],
            stops[np.r_[gaps, len(stops) - 1]],
            np.arange((stops - starts).sum()),
        )

    def _shuffled(self, index: int, steps: range, rank: int, world_size: int) -> "Window":
        full = _BatchGrid(self.batch_size, len(steps) - (steps.stop == self.steps), rank, world_size)
        short = _BatchGrid(self._last_batch, len(steps) - full.steps, rank, world_size)
        ranges, begin = [], 0
        for lane in range(LANES):
            if not full.uses_lane(lane) and not short.uses_lane(lane):
                continue
            size = full.lane_rows(lane) + short.lane_rows(lane)
            shuffled = _generator(self.seed, self.epoch, index + 1, lane).permutation(size) + begin
            full.deal(lane, shuffled[: full.lane_rows(lane)])
            short.deal(lane, shuffled[full.lane_rows(lane) :])
            start = (self.steps - 1) * _lane_start(self.batch_size, lane) + _lane_start(self._last_batch, lane)
            start += steps.start * _lane_rows(self.batch_size, lane)
            ranges.append(self._ranges(start, start + size))
            begin += size
        starts, stops = np.concatenate(ranges, axis=1) if ranges else np.zeros((2, 0), np.int64)
        return Window(steps.start, full.width, starts, stops, np.concatenate([full.index.ravel(), short.index.ravel()]))

    @property
    def _last_batch(self) -> int:
        return self.rows - (self.steps - 1) * self.batch_size

    def _ranges(self, start: int, stop: int) -> Rows:
        """Ranges of rows at positions `start` to `stop` of the permuted blocks: starts and stops, int64 [2, ranges]."""
        blocks, ends = self._blocks
        first, last = np.searchsorted(ends, (start, stop - 1), side="right")
        rows = blocks[first : last + 1] * self.block_rows
        stops = rows + np.diff(ends[first : last + 1], prepend=ends[first - 1] if first else 0)
        starts = rows.copy()
        starts[0] = stops[0] - (ends[first] - start)
        stops[-1] -= ends[last] - stop
        return np.stack([starts, stops])

    @cached_property
    def _blocks(self) -> tuple[Rows, Rows]:
        """The permuted blocks, and the position in their concatenation where each ends."""
        assert self.seed is not None
        random = _generator(self.seed, self.epoch, 0, 0)
        blocks = order_blocks(-(-self.rows // self.block_rows), LANES, WINDOW_BLOCKS, random)
        sizes = np.minimum(self.block_rows, self.rows - blocks * self.block_rows)
        return blocks, np.cumsum(sizes)


def share_slice(size: int, rank: int, world_size: int) -> slice:
    """The slice of `size` rows that a rank takes; the sizes of all slices differ by one row at most.

    Args:
        size: Number of rows.
        rank: The rank.
        world_size: Number of ranks.

    Raises:
        FirelibError: The rank is not in the world.
    """
    check_rank(rank, world_size)
    return slice(rank * size // world_size, (rank + 1) * size // world_size)


def check_rank(rank: int, world_size: int) -> None:
    """Refuse a rank outside the world, which would silently read the rows of another rank.

    Args:
        rank: The rank.
        world_size: Number of ranks.

    Raises:
        FirelibError: The rank is negative, or not less than the world size.
    """
    if not 0 <= rank < world_size:
        raise FirelibError(
            f"rank {rank} is not in a world of {world_size}",
            where="rank, world_size",
            remedy="use ranks from 0 to world_size - 1",
        )


@dataclass(frozen=True)
class Window:
    """A rank's rows of consecutive batches: the ranges to read, and the order in which their rows are used.

    Attributes:
        first: First step.
        width: This rank's rows of each step; only the epoch's last step may have fewer.
        starts: First row of each range, in reading order.
        stops: The row after the last of each range.
        index: Index of each row in the concatenation of the ranges, in training order.
    """

    first: int
    width: int
    starts: Rows
    stops: Rows
    index: Rows

    def step_slice(self, first: int, stop: int) -> slice:
        """The slice of `index` that covers some steps.

        Args:
            first: First step.
            stop: The step after the last.
        """
        return slice((first - self.first) * self.width, (stop - self.first) * self.width)

    @property
    def rows(self) -> Rows:
        """Row numbers of all steps, in training order."""
        ranges = [np.arange(*bounds) for bounds in zip(self.starts.tolist(), self.stops.tolist(), strict=True)]
        rows: Rows = np.concatenate(ranges or [np.zeros(0, np.int64)])[self.index]
        return rows


class _BatchGrid:
    """A rank's share of batches of equal size, as indices into its ranges.

    Attributes:
        steps: Number of batches.
        width: Rows of the rank's share of a batch.
        index: int64 [steps, width].
    """

    def __init__(self, batch: int, steps: int, rank: int, world_size: int) -> None:
        share = share_slice(batch, rank, world_size)
        self._batch, self._low, self._high = batch, share.start, share.stop
        self.steps, self.width = steps, share.stop - share.start
        self.index = np.empty((steps, self.width), np.int64)

    def uses_lane(self, lane: int) -> bool:
        """Whether the rank's share contains rows of a lane."""
        low, high = _lane_start(self._batch, lane), _lane_start(self._batch, lane + 1)
        return self.steps > 0 and max(low, self._low) < min(high, self._high)

    def lane_rows(self, lane: int) -> int:
        """Rows of a lane in all batches, over all ranks."""
        return self.steps * _lane_rows(self._batch, lane)

    def deal(self, lane: int, index: Rows) -> None:
        """Distribute a lane's rows over the batches, as far as they belong to the rank's share."""
        low, high = _lane_start(self._batch, lane), _lane_start(self._batch, lane + 1)
        first, last = max(low, self._low), min(high, self._high)
        if first < last:
            dealt = index.reshape(self.steps, high - low)
            self.index[:, first - self._low : last - self._low] = dealt[:, first - low : last - low]


@lru_cache(maxsize=8)
def _cached_window(order: EpochOrder, index: int, rank: int, world_size: int) -> Window:
    return order.plan_window(index, rank, world_size)


def _lane_start(size: int, lane: int) -> int:
    """Rows of a batch of `size` rows that come from the lanes before this one."""
    return lane * size // LANES


def _lane_rows(size: int, lane: int) -> int:
    """Rows of a batch of `size` rows that come from one lane."""
    return _lane_start(size, lane + 1) - _lane_start(size, lane)


def _generator(seed: int | None, epoch: int, stream: int, lane: int) -> np.random.Generator:
    # Philox is counter-based: its stream for a key is the same on every platform.
    return np.random.Generator(np.random.Philox(key=[seed or 0, epoch], counter=[0, 0, lane, stream]))


def _is_below(value: int | None, lowest: int) -> bool:
    return value is not None and value < lowest
