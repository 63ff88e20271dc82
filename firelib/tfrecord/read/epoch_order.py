"""The order of an epoch: a pure function of (rows, batch size, seed, epoch), whatever the number of workers.

The rows of a split are cut into blocks, and the blocks are permuted. The result is cut into lanes, one behind the
other; a global batch takes an equal part of each lane. Some steps at a time, a *window*, the rows of each lane are
shuffled. So a row meets others from all over the file, yet what a window needs lies in few blocks, and any step is
reached by computing its window alone. Ranks take consecutive parts of a batch, hence lanes of their own: together they
read everything once.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError

Rows = npt.NDArray[np.int64]

#: Parts of the epoch that a batch mixes. More mix better and cost memory: each keeps a window of rows.
LANES = 16
_LANES_IN_FILE_ORDER = 4  # nothing is shuffled there: a window only has to be worth its reading
#: Blocks of one lane whose rows are shuffled together.
WINDOW_BLOCKS = 8


@dataclass(frozen=True)
class EpochOrder:
    """Row numbers of one epoch, in the order of training.

    Attributes:
        rows: Rows of the split.
        batch_size: Rows in a global batch; the last one is short, never dropped.
        seed: Decides the order; None keeps the order of the files.
        epoch: Another epoch, another order.
        block_rows: Rows that stay together on the way from the file to a window.
    """

    rows: int
    batch_size: int
    seed: int | None = None
    epoch: int = 0
    block_rows: int = 256

    def __post_init__(self) -> None:
        low = {"rows": 0, "batch_size": 1, "seed": 0, "epoch": 0, "block_rows": 1}
        wrong = [f"{name}={getattr(self, name)}" for name in low if _below(getattr(self, name), low[name])]
        if wrong:
            raise FirelibError(f"no order has {', '.join(wrong)}", remedy="sizes from 1, the others from 0")

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    @property
    def window_steps(self) -> int:
        """Steps whose rows are shuffled together."""
        rows = WINDOW_BLOCKS * self.block_rows * (LANES if self.seed is not None else _LANES_IN_FILE_ORDER)
        return max(1, rows // self.batch_size)

    def batch(self, step: int) -> Rows:
        """Rows of global batch `step`."""
        return self.share(step, 0, 1)

    def share(self, step: int, rank: int, world_size: int) -> Rows:
        """Rows of global batch `step` that one rank takes; the shares of all ranks are the batch."""
        window = self.window(step // self.window_steps, rank, world_size)
        return window.rows[window.of(step, step + 1)]

    def share_size(self, world_size: int) -> int:
        """Rows that the largest share of a full batch has."""
        return -(-min(self.batch_size, self.rows) // world_size)

    def window(self, index: int, rank: int = 0, world_size: int = 1) -> "Window":
        """What a rank needs for its shares of all batches of a window."""
        check_rank(rank, world_size)
        return _window(self, index, rank, world_size)

    def plan_window(self, index: int, rank: int, world_size: int) -> "Window":
        """`window`, computed anew."""
        first = index * self.window_steps
        steps = range(first, min(first + self.window_steps, self.steps))
        plan = self._in_file_order if self.seed is None else self._shuffled
        return plan(index, steps, rank, world_size)

    def _in_file_order(self, index: int, steps: range, rank: int, world_size: int) -> "Window":
        del index
        begins = np.asarray(steps, np.int64) * self.batch_size
        sizes = np.minimum(self.batch_size, self.rows - begins)
        starts, stops = begins + rank * sizes // world_size, begins + (rank + 1) * sizes // world_size
        apart = np.flatnonzero(starts[1:] != stops[:-1])
        share = share_of(self.batch_size, rank, world_size)
        return Window(
            steps.start,
            share.stop - share.start,
            starts[np.r_[0, apart + 1]],
            stops[np.r_[apart, len(stops) - 1]],
            np.arange((stops - starts).sum()),
        )

    def _shuffled(self, index: int, steps: range, rank: int, world_size: int) -> "Window":
        full = _Grid(self.batch_size, len(steps) - (steps.stop == self.steps), rank, world_size)
        short = _Grid(self._last_batch, len(steps) - full.steps, rank, world_size)
        ranges, begin = [], 0
        for lane in range(LANES):
            if not full.wants(lane) and not short.wants(lane):
                continue
            size = full.rows_of(lane) + short.rows_of(lane)
            places = _generator(self.seed, self.epoch, index + 1, lane).permutation(size) + begin
            full.put(lane, places[: full.rows_of(lane)])
            short.put(lane, places[full.rows_of(lane) :])
            start = (self.steps - 1) * _before(self.batch_size, lane) + _before(self._last_batch, lane)
            start += steps.start * _quota(self.batch_size, lane)
            ranges.append(self._ranges(start, start + size))
            begin += size
        starts, stops = np.concatenate(ranges, axis=1) if ranges else np.zeros((2, 0), np.int64)
        return Window(
            steps.start, full.width, starts, stops, np.concatenate([full.places.ravel(), short.places.ravel()])
        )

    @property
    def _last_batch(self) -> int:
        return self.rows - (self.steps - 1) * self.batch_size

    def _ranges(self, start: int, stop: int) -> Rows:
        """Rows at places `start` to `stop` of the permuted blocks: [2, ranges], their starts and their stops."""
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
        """The permuted blocks, and the places where each ends."""
        assert self.seed is not None
        blocks = _generator(self.seed, self.epoch, 0, 0).permutation(-(-self.rows // self.block_rows))
        sizes = np.minimum(self.block_rows, self.rows - blocks * self.block_rows)
        return blocks, np.cumsum(sizes)


def share_of(size: int, rank: int, world_size: int) -> slice:
    """The part of `size` rows that a rank takes; parts differ by one row at most."""
    check_rank(rank, world_size)
    return slice(rank * size // world_size, (rank + 1) * size // world_size)


def check_rank(rank: int, world_size: int) -> None:
    """Refuse a rank that the world does not have: it would take another one's rows in silence."""
    if not 0 <= rank < world_size:
        raise FirelibError(f"rank {rank} is not in a world of {world_size}", remedy="ranks are 0 … world_size - 1")


@dataclass(frozen=True)
class Window:
    """A rank's rows of some consecutive batches: ranges of rows to read, and which of these rows come when.

    Attributes:
        first: First step.
        width: Rows of each step; only the epoch's last may have fewer.
        starts: First row of each range, in the order in which they are to be read.
        stops: The row after its last.
        places: Where the rows of all steps, one step behind the other, lie when the ranges stand one behind the other.
    """

    first: int
    width: int
    starts: Rows
    stops: Rows
    places: Rows

    def of(self, first: int, stop: int) -> slice:
        """The part of `places` that some steps take."""
        return slice((first - self.first) * self.width, (stop - self.first) * self.width)

    @property
    def rows(self) -> Rows:
        """Row numbers, one step behind the other."""
        ranges = [np.arange(*bounds) for bounds in zip(self.starts.tolist(), self.stops.tolist(), strict=True)]
        rows: Rows = np.concatenate(ranges or [np.zeros(0, np.int64)])[self.places]
        return rows


class _Grid:
    """Places of the rows of some equally long batches, as far as they are a rank's share: [steps, width]."""

    def __init__(self, batch: int, steps: int, rank: int, world_size: int) -> None:
        share = share_of(batch, rank, world_size)
        self._batch, self._low, self._high = batch, share.start, share.stop
        self.steps, self.width = steps, share.stop - share.start
        self.places = np.empty((steps, self.width), np.int64)

    def wants(self, lane: int) -> bool:
        """Whether the rank takes rows of a lane."""
        low, high = _before(self._batch, lane), _before(self._batch, lane + 1)
        return self.steps > 0 and max(low, self._low) < min(high, self._high)

    def rows_of(self, lane: int) -> int:
        """Rows that a lane gives, to all ranks."""
        return self.steps * _quota(self._batch, lane)

    def put(self, lane: int, places: Rows) -> None:
        """Deal a lane's rows to the steps."""
        low, high = _before(self._batch, lane), _before(self._batch, lane + 1)
        first, last = max(low, self._low), min(high, self._high)
        if first < last:
            dealt = places.reshape(self.steps, high - low)
            self.places[:, first - self._low : last - self._low] = dealt[:, first - low : last - low]


@lru_cache(maxsize=8)
def _window(order: EpochOrder, index: int, rank: int, world_size: int) -> Window:
    return order.plan_window(index, rank, world_size)


def _before(size: int, lane: int) -> int:
    """Rows of a batch of `size` that the lanes before this one give."""
    return lane * size // LANES


def _quota(size: int, lane: int) -> int:
    """Rows of a batch of `size` that one lane gives."""
    return _before(size, lane + 1) - _before(size, lane)


def _generator(seed: int | None, epoch: int, stream: int, lane: int) -> np.random.Generator:
    # Philox is counter-based: its stream for a key is the same on every platform.
    return np.random.Generator(np.random.Philox(key=[seed or 0, epoch], counter=[0, 0, lane, stream]))


def _below(value: int | None, low: int) -> bool:
    return value is not None and value < low
