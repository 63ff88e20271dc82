"""What is said of a task that ended for lack of memory or disk."""

import os
import signal

import dask
import pyarrow as pa
import pytest
from ray.exceptions import ObjectStoreFullError, OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError

from firelib.data.dask_on_ray import compute
from firelib.data.memory.out_of_memory import explain_lack
from firelib.data.memory.task_memory import TaskMemory
from tests.errors import refused

NEED = TaskMemory(2**30, "one partition of each table", value=2**30)

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.mark.parametrize(
    ("error", "kills", "said"),
    [
        (WorkerCrashedError(), 2, "the kernel killed 2 processes (the limit is"),
        (WorkerCrashedError(), 0, "a worker was lost each time"),
        (OutOfMemoryError("details"), 0, "Ray killed the task's worker"),
        (RayTaskError("f", "traceback", pa.ArrowMemoryError("malloc of size 64 failed")), 0, "could not allocate"),
    ],
    ids=["kernel", "unknown node", "Ray", "allocation"],
)
def test_out_of_memory(error: RayError, kills: int, said: str) -> None:
    explained = explain_lack(error, "join", kills, NEED)
    assert explained is not None
    assert explained.what.startswith("join: out of memory: ")
    assert said in explained.what
    assert "about 8,320 MiB for 1,024 MiB of rows (one partition of each table)" in explained.what
    assert "data.partition_bytes" in str(explained.remedy)


def test_a_full_object_store_is_a_matter_of_the_disk() -> None:
    explained = explain_lack(ObjectStoreFullError("details"), "join", 0, NEED)
    assert explained is not None
    assert "RAY_TMPDIR" in str(explained.remedy)


def test_errors_of_other_kinds_are_left_alone() -> None:
    assert explain_lack(RayTaskError("f", "traceback", ValueError("seven")), "join", 3, NEED) is None


def end_as_by_the_kernel(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_ends_in_one_explained_error() -> None:
    with refused(what=["join: out of memory", "worker was lost"], where="Ray worker", remedy="FIRELIB_NUM_CPUS=1"):
        compute([dask.delayed(end_as_by_the_kernel, pure=False)(1)], "join")
