"""The estimate of a task's memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.memory.task_memory import TaskMemory, fit_partition

MIB, GIB = 2**20, 2**30


@given(st.integers(1, 64 * GIB), st.integers(2**10, 64 * GIB), st.integers(64 * MIB, 64 * GIB))
def test_the_suggested_value_is_smaller_and_fits(rows: int, value: int, available: int) -> None:
    suggested = TaskMemory(rows, "test", value=value).fitting_value(available)
    assert 0 <= suggested <= value / 2
    if suggested:
        assert TaskMemory(int(rows * suggested / value), "test").nbytes <= available


def test_no_value_is_suggested_for_rows_that_do_not_follow_the_parameter() -> None:
    """A row group of a file is never divided, so its size is what it is."""
    assert TaskMemory(10 * GIB, "one row group", value=32 * MIB).fitting_value(2 * GIB) == 0


@given(st.integers(1, 4 * GIB), st.integers(2**10, GIB), st.integers(64 * MIB, 64 * GIB), st.integers(1, 64))
def test_partitions_are_at_most_as_large_as_asked_for(rows: int, asked: int, memory: int, cores: int) -> None:
    fitting = fit_partition(TaskMemory(rows, "test", value=asked), memory, cores)
    assert 0 < fitting <= asked
    if fitting < asked:  # then one task fits
        assert TaskMemory(rows * fitting // asked, "test").nbytes <= memory


@pytest.mark.parametrize(
    ("memory", "mib"), [(24 * GIB, 32), (GIB, 32), (600 * MIB, 21.5), (400 * MIB, 9), (300 * MIB, 21.5)]
)
def test_partitions_that_fit(memory: int, mib: float) -> None:
    """With 300 MiB, one task with a large partition is better than two with tiny ones."""
    fitting = fit_partition(TaskMemory(32 * MIB, "test", value=32 * MIB), memory, cores=2)
    assert fitting == mib * MIB
