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
from firelib.errors import LackOfMemoryError
from tests.errors import refused

NEED = TaskMemory(2**30, "one partition of each table", value=2**30)

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.mark.parametrize(
    ("error", "kills", "said"),
    [
        (WorkerCrashedError(), 2, "the kernel killed 2 processes (the limit is"),
        (OutOfMemoryError("details"), 0, "Ray killed the task's worker"),
        (RayTaskError("f", "traceback", pa.ArrowMemoryError("malloc of size 64 failed")), 0, "could not allocate"),
    ],
    ids=["kernel", "Ray", "allocation"],
)
def test_out_of_memory(error: RayError, kills: int, said: str) -> None:
    explained = explain_lack(error, "join", kills, NEED)
    assert explained is not None
    assert explained.what.startswith("join: out of memory: ")
    assert said in explained.what
    assert "about 8,320 MiB for 1,024 MiB of rows (one partition of each table)" in explained.what
    assert "data.partition_bytes" in str(explained.remedy)


def test_a_worker_that_is_lost_on_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its kernel has killed is not known here."""
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    explained = explain_lack(WorkerCrashedError(), "join", 0, NEED)
    assert isinstance(explained, LackOfMemoryError)
    assert "a worker was lost each time" in explained.what


def test_a_full_object_store_is_a_matter_of_the_disk() -> None:
    explained = explain_lack(ObjectStoreFullError("details"), "join", 0, NEED)
    assert explained is not None
    assert "RAY_TMPDIR" in str(explained.remedy)


def test_errors_of_other_kinds_are_left_alone() -> None:
    assert explain_lack(RayTaskError("f", "traceback", ValueError("seven")), "join", 3, NEED) is None


def crash(_: int) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_worker_that_crashes_is_not_said_to_lack_memory() -> None:
    with refused(what=["join", "a worker ended each time"], where="Ray worker", remedy="--debug") as caught:
        compute([dask.delayed(crash, pure=False)(1)], "join")
    assert not isinstance(caught.value, LackOfMemoryError)
