"""Memory that a task of the transform needs, estimated before it runs."""

from collections.abc import Iterable
from dataclasses import dataclass

_MIB = 2**20
_WORKER_BYTES = 128 * _MIB  # Python, Ray, pandas and Arrow, before a worker holds any row
#: Copies of its rows that a task has in memory: as Arrow reads them, as a frame, joined, validated, sorted, and encoded
#: for the file, in part at the same time. Measured: two workers took 400 MiB each for 36 MiB of rows of flights.
COPIES = 8
_LEAST_PARTITION = 4 * _MIB  # smaller partitions cost more time than fewer workers
LEAST_COPIES = 4  # blocks, decoded blocks, their frames, and the concatenated frame: less never suffices


@dataclass(frozen=True)
class TaskMemory:
    """What the largest task of one kind needs.

    Attributes:
        rows_bytes: Estimated size of its rows in memory, in bytes.
        source: Where the rows are, as errors say it: "one partition of each table".
        parameter: The parameter that bounds the rows.
        value: Its value, in units of `unit` bytes.
        unit: Bytes of one unit of the parameter.
        copies: How many times the task has its rows in memory, in part at the same time.
    """

    rows_bytes: int
    source: str
    parameter: str = "data.partition_bytes"
    value: float = 0
    unit: int = 1
    copies: int = COPIES

    @property
    def nbytes(self) -> int:
        """Estimated memory of a worker that runs the task, in bytes."""
        return _WORKER_BYTES + self.copies * self.rows_bytes

    @property
    def least_bytes(self) -> int:
        """Memory without which the task cannot run, in bytes."""
        return LEAST_COPIES * self.rows_bytes

    def fitting_value(self, available: int) -> int:
        """The largest value of the parameter with which a task is expected to fit into memory.

        Args:
            available: Memory of a worker, in bytes.

        Returns:
            The value; 0 if the rows of a task do not follow the parameter, or no value is small enough.
        """
        share = self.value * self.fitting_rows(available) / max(self.rows_bytes, 1)
        follows = self.rows_bytes <= 4 * self.value * self.unit
        return max(0, int(min(share, self.value / 2))) if follows else 0

    def fitting_rows(self, available: int) -> int:
        """Most bytes of rows with which the task fits into the memory of a worker, in bytes."""
        return max(0, (available - _WORKER_BYTES) // self.copies)

    def describe(self) -> str:
        """The estimate in words."""
        return (
            f"a task needs about {self.nbytes / _MIB:,.0f} MiB for {self.rows_bytes / _MIB:,.0f} MiB of rows "
            f"({self.source})"
        )


def find_largest(needs: Iterable[TaskMemory]) -> TaskMemory | None:
    """The largest of several needs; None without any."""
    return max(needs, key=lambda need: need.nbytes, default=None)


def fit_partition(need: TaskMemory, memory: int, cores: int) -> int:
    """The size of partitions with which a task on each core fits into memory, or on as many cores as possible.

    Args:
        need: Memory of a task with partitions of the size that is asked for.
        memory: Memory of all tasks of a node, in bytes.
        cores: Cores of the node.

    Returns:
        The size in bytes: at most the one asked for. It is also returned where even one task does not fit, because a
        row or a row group is large.
    """
    asked = int(need.value)
    for tasks in range(max(cores, 1), 0, -1):
        room = need.fitting_rows(memory // tasks)
        fitting = asked if room >= need.rows_bytes else asked * room // need.rows_bytes
        if fitting >= min(_LEAST_PARTITION, asked):
            return fitting
    return asked


def suggest_less_memory(need: TaskMemory, available: int) -> str:
    """What to do if a task does not fit.

    Args:
        need: Memory of the task.
        available: Memory of a worker, in bytes.

    Returns:
        Imperatives, with the values that are expected to pass.
    """
    value = need.fitting_value(available)
    smaller = f"set {need.parameter} to {value} in params.yaml, or " if value else ""
    return f"{smaller}give each worker {need.nbytes / _MIB:,.0f} MiB: more memory, or fewer cores (FIRELIB_NUM_CPUS=1)"
