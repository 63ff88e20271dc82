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
        rows = WINDOW_BLOCKS * self.block_rows * (LANES if self.seed is not None else 1)
        return max(1, rows // self.batch_size)

    def batch(self, step: int) -> Rows:
        """Rows of global batch `step`."""
        first = step // self.window_steps
        start = (step - first * self.window_steps) * self.batch_size
        return self.window(first)[start : start + self.batch_size]

    def share(self, step: int, rank: int, world_size: int) -> Rows:
        """Rows of global batch `step` that one rank takes; the shares of all ranks are the batch."""
        batch = self.batch(step)
        return batch[share_of(len(batch), rank, world_size)]

    def share_size(self, world_size: int) -> int:
        """Rows that the largest share of a full batch has."""
        return -(-min(self.batch_size, self.rows) // world_size)

    def window(self, index: int) -> Rows:
        """Rows of all batches of a window, one batch after the other."""
        return _window(self, index)

    def plan_window(self, index: int) -> Rows:
        """`window`, computed anew."""
        first = index * self.window_steps
        last = min(first + self.window_steps, self.steps)
        if self.seed is None:
            return np.arange(first * self.batch_size, min(last * self.batch_size, self.rows), dtype=np.int64)
        random = _generator(self.seed, self.epoch, index + 1)
        lanes = [self._lane(lane, first, last, random) for lane in range(LANES)]
        return np.concatenate([part for step in zip(*lanes, strict=True) for part in step])

    def _lane(self, lane: int, first: int, last: int, random: np.random.Generator) -> list[Rows]:
        """What one lane gives to each of some steps."""
        full, short = _quota(self.batch_size, lane), _quota(self._last_batch, lane)
        sizes = [full if step < self.steps - 1 else short for step in range(first, last)]
        before = [_before(size, lane) for size in (self.batch_size, self._last_batch)]
        start = (self.steps - 1) * before[0] + before[1] + first * full
        rows = random.permutation(self._rows_at(start, start + sum(sizes)))
        return np.split(rows, np.cumsum(sizes)[:-1])

    @property
    def _last_batch(self) -> int:
        return self.rows - (self.steps - 1) * self.batch_size

    def _rows_at(self, start: int, stop: int) -> Rows:
        """Rows at places `start` to `stop` of the permuted blocks."""
        blocks, ends = self._blocks
        places = np.arange(start, stop, dtype=np.int64)
        which = np.searchsorted(ends, places, side="right")
        rows: Rows = blocks[which] * self.block_rows + places - np.where(which > 0, ends[which - 1], 0)
        return rows

    @cached_property
    def _blocks(self) -> tuple[Rows, Rows]:
        """The permuted blocks, and the places where each ends."""
        assert self.seed is not None
        blocks = _generator(self.seed, self.epoch, 0).permutation(-(-self.rows // self.block_rows))
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


@lru_cache(maxsize=8)
def _window(order: EpochOrder, index: int) -> Rows:
    return order.plan_window(index)


def _before(size: int, lane: int) -> int:
    """Rows of a batch of `size` that the lanes before this one give."""
    return lane * size // LANES


def _quota(size: int, lane: int) -> int:
    """Rows of a batch of `size` that one lane gives."""
    return _before(size, lane + 1) - _before(size, lane)


def _generator(seed: int, epoch: int, stream: int) -> np.random.Generator:
    # Philox is counter-based: its stream for a key is the same on every platform.
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, stream]))


def _below(value: int | None, low: int) -> bool:
    return value is not None and value < low
