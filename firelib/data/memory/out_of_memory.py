"""Explain tasks that lacked memory or disk, or whose worker ended: their own errors do not tell what would pass."""

import socket

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from firelib import machine
from firelib.data.memory.node_memory import largest_node_memory
from firelib.data.memory.task_memory import TaskMemory, suggest_less_memory
from firelib.errors import FirelibError, LackOfMemoryError

_MIB, _GIB = 2**20, 2**30
_LOST = (WorkerCrashedError, NodeDiedError)
_TASK = "a task in a Ray worker"
_DISK = "free space on the disk of Ray's sessions, or set RAY_TMPDIR to a folder on a larger disk"


def explain_lack(error: RayError, label: str, kills: int, need: TaskMemory | None) -> FirelibError | None:
    """Explain the error of a task if memory or disk ran out, or if its worker ended for another reason.

    Args:
        error: What Ray raised.
        label: Name of the work.
        kills: Number of processes that the kernel of this machine has killed for lack of memory since it began.
        need: Estimated memory of the work's largest task, if it is known.

    Returns:
        The explanation; None for other errors.
    """
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, OutOfDiskError | ObjectStoreFullError):
        what = f"{label}: Ray's objects need more room than the object store and the disk have"
        return FirelibError(what, where="Ray's object store", remedy=_DISK)
    if isinstance(cause, _LOST) and not kills and _is_on_this_machine():
        return _explain_crash(label, need)
    found = _describe_end(cause, kills)
    if not found:
        return None
    estimate = f"; {need.describe()}" if need else ""
    return LackOfMemoryError(f"{label}: out of memory: {found}{estimate}", where=_TASK, remedy=_suggest(need))


def _is_on_this_machine() -> bool:
    """Whether all nodes are on the machine whose kernel was asked."""
    return {node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]} <= {socket.gethostname()}


def _explain_crash(label: str, need: TaskMemory | None) -> FirelibError:
    return FirelibError(
        f"{label}: a worker ended each time the task was started, and the kernel has killed none for lack of memory",
        where=_TASK,
        remedy="look at the last lines of the worker with --debug: native code that the recipe calls may have crashed. "
        f"If another program, such as earlyoom, ends processes that need much memory: {_suggest(need)}",
    )


def _describe_end(cause: BaseException, kills: int) -> str | None:
    """How a task ended for lack of memory; None if it did not."""
    limit = f"the limit is {machine.memory_limit() / _GIB:.1f} GiB"
    if isinstance(cause, OutOfMemoryError):
        return f"Ray killed the task's worker each time it was started ({limit})"
    if isinstance(cause, MemoryError):
        return f"the task could not allocate memory ({cause})"
    if isinstance(cause, _LOST) and kills > 0:
        return f"the kernel killed {'1 process' if kills == 1 else f'{kills} processes'} ({limit})"
    if isinstance(cause, _LOST):
        return "a worker was lost each time the task was started, most often killed by the kernel of its node"
    return None


def _suggest(need: TaskMemory | None) -> str:
    if need is None:
        return "use more memory, or fewer cores (FIRELIB_NUM_CPUS=1)"
    return suggest_less_memory(need, largest_node_memory() or 0)
