"""The estimate of a task's memory, and what Ray does with it."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask
import pytest
import ray
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.dask_on_ray import compute
from firelib.data.memory.task_memory import TaskMemory, fit_partition, largest_node_memory, reserve_memory
from tests.errors import refused

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


@pytest.mark.usefixtures("ray_cluster")
def test_rows_that_no_worker_can_hold_are_refused_before_anything_runs(tmp_path: Path) -> None:
    need = TaskMemory(10**15, "one partition of each table", value=10**15)
    with refused(what=["write shards", "one partition of each table"], where="data.partition_bytes", remedy="set"):
        compute([dask.delayed(Path.touch)(tmp_path / "ran")], "write shards", need)
    assert list(tmp_path.iterdir()) == []


def note_times(index: int) -> tuple[float, float, int]:
    begun = time.time()
    time.sleep(0.3)
    return begun, time.time(), index


@pytest.mark.usefixtures("ray_cluster")
def test_tasks_that_need_most_of_the_memory_run_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    memory = largest_node_memory()
    assert memory is not None
    need = TaskMemory(int(memory * 0.8) // 8, "test", value=GIB)
    delayed: Any = dask.delayed(note_times, pure=False)
    spans = sorted(compute([delayed(index) for index in range(4)], "test", need))
    assert all(ended <= begun for (_, ended, _), (begun, _, _) in pairwise(spans))
    assert "memory for 1 of 2 tasks at the same time" in capsys.readouterr().err


@pytest.mark.usefixtures("ray_cluster")
def test_small_tasks_run_on_every_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert reserve_memory(TaskMemory(MIB, "test"), "test")["memory"] < GIB
    assert capsys.readouterr().err == ""
    assert ray.cluster_resources()["CPU"] == 2
