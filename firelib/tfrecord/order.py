"""The order of an epoch: a pure function of (rows, seed, epoch), whatever the number of workers.

Global batch *s* holds the same rows for every world size; rank *r* of *W* takes every *W*-th of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EpochOrder:
    """Row numbers of one epoch, in the order of training.

    Attributes:
        rows: Rows of the split.
        batch_size: Rows in a global batch; the last one is short, never dropped.
        seed: Decides the order; None keeps the order of the files.
        epoch: Another epoch, another order.
    """

    rows: int
    batch_size: int
    seed: int | None = None
    epoch: int = 0

    def __post_init__(self) -> None:
        low = {"rows": 0, "batch_size": 1, "seed": 0, "epoch": 0}
        wrong = [f"{name}={getattr(self, name)}" for name in low if _below(getattr(self, name), low[name])]
        if wrong:
            raise FirelibError(f"no order has {', '.join(wrong)}", remedy="batch_size from 1, the others from 0")

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    @cached_property
    def _permutation(self) -> Rows:
        if self.seed is None:
            return np.arange(self.rows, dtype=np.int64)
        # Philox is counter-based: its stream for a key is the same on every platform.
        generator = np.random.Generator(np.random.Philox(key=[self.seed, self.epoch]))
        return generator.permutation(self.rows)

    def batch(self, step: int) -> Rows:
        """Rows of global batch `step`."""
        return self._permutation[step * self.batch_size : (step + 1) * self.batch_size]

    def share(self, step: int, rank: int, world_size: int) -> Rows:
        """Rows of global batch `step` that one rank takes; the shares of all ranks are the batch."""
        check_rank(rank, world_size)
        return self.batch(step)[rank::world_size]

    def share_size(self, world_size: int) -> int:
        """Rows that the largest share of a full batch has."""
        return -(-min(self.batch_size, self.rows) // world_size)


def check_rank(rank: int, world_size: int) -> None:
    """Refuse a rank that the world does not have: NumPy would take another one's rows in silence."""
    if not 0 <= rank < world_size:
        raise FirelibError(f"rank {rank} is not in a world of {world_size}", remedy="ranks are 0 … world_size - 1")


def _below(value: int | None, low: int) -> bool:
    return value is not None and value < low
