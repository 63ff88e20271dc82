"""The memory of Ray's nodes: what tasks reserve, and what Ray does with it."""

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask
import pytest
import ray

from firelib.data.dask_on_ray import compute
from firelib.data.memory.node_memory import largest_node_memory, reserve_memory
from firelib.data.memory.task_memory import TaskMemory
from tests.errors import refused
from tests.patience import patience
from tests.project import ROOT

MIB, GIB = 2**20, 2**30
HEAD_WITHOUT_CORES = """
import json
import dask, ray
from ray.cluster_utils import Cluster
from firelib.data.dask_on_ray import compute
from firelib.data.memory.node_memory import choose_partition, largest_node_memory
from firelib.data.memory.task_memory import TaskMemory

few = {"object_store_memory": 100 * 2**20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "memory": 8 * 2**30, **few})
cluster.add_node(num_cpus=1, memory=2**30, object_store_memory=100 * 2**20)
ray.init(address=cluster.address, log_to_driver=False)
need = TaskMemory(256 * 2**20, "test", value=256 * 2**20)
print(json.dumps([largest_node_memory(), choose_partition(need), compute([dask.delayed(abs)(-1)], "test", need)]))
"""


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


@pytest.mark.integration
def test_the_memory_of_a_head_without_cores_is_not_counted() -> None:
    """Tasks that reserve more than a node with cores has would wait for ever."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD_WITHOUT_CORES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    memory, partition, results = json.loads(done.stdout.splitlines()[-1])
    assert memory == GIB
    assert partition < 128 * MIB
    assert results == [1]
