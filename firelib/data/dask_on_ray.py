"""Run Dask tasks in Ray's workers, with progress."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask
import ray
from ray.exceptions import RayError, RayTaskError, WorkerCrashedError
from ray.util.dask import RayDaskCallback, ray_dask_get

from firelib.console import Advance, progress
from firelib.data.memory.node_memory import reserve_memory
from firelib.data.memory.out_of_memory import explain_lack
from firelib.data.memory.task_memory import TaskMemory
from firelib.errors import FirelibError
from firelib.machine import count_oom_kills

_FRAME = re.compile(r'File "([^"]+\.py)", line (\d+), in ')
_MOST_KILLS = 5  # by the kernel for lack of memory, after which the others would end like this, too
_PACKAGE = Path(__file__).parents[1]


class _Progress(RayDaskCallback):  # type: ignore[misc]  # Ray's base class is untyped
    """Show how many results are ready. Ray's own ProgressBarCallback fails when it is used twice in a process.

    The callback waits for all tasks, so that none still writes when the error of another one is raised. Ray 2.60
    cannot cancel the others: `ray.cancel` aborts the driver if a task ends at the same time.

    It does not wait while the kernel kills one worker after the other. Ray would start each task four times.
    """

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._kills = count_oom_kills()

    def count_kills(self) -> int:
        """Number of processes that the kernel has killed for lack of memory meanwhile."""
        return count_oom_kills() - self._kills

    def __reduce__(self) -> Any:
        return RayDaskCallback, ()  # Ray pickles the callback with each task; workers show no progress

    def _ray_postsubmit_all(self, object_refs: Sequence[Any], dsk: Any) -> None:  # noqa: ARG002  Ray's signature
        pending = [ref for ref in object_refs if isinstance(ref, ray.ObjectRef)]
        total = len(pending)
        while pending:
            _, pending = ray.wait(pending, num_returns=len(pending), timeout=0.5)
            if self.count_kills() >= _MOST_KILLS:
                raise WorkerCrashedError
            self._advance(total - len(pending), total)


def compute(tasks: Sequence[Any], label: str, need: TaskMemory | None = None) -> list[Any]:
    """The results of Dask tasks, in the order of the tasks, computed in Ray's workers.

    Args:
        tasks: Delayed calls (`dask.delayed`).
        label: What the progress display and errors call the work.
        need: Memory of the largest task: only as many run at the same time as fit. None starts one on each core.

    Raises:
        FirelibError: A task failed, or memory does not suffice. A task's own `FirelibError` is raised as it is, without
            Ray's wrapper.

    Example:
        >>> compute([dask.delayed(abs)(-1), dask.delayed(abs)(2)], "absolute values")  # doctest: +SKIP
        [1, 2]
    """
    options = reserve_memory(need, label) if need else {}
    with progress(label, len(tasks)) as advance, _Progress(advance) as shown:
        try:
            return list(dask.compute(*tasks, scheduler=ray_dask_get, ray_remote_args=options))
        except RayError as error:
            raise explain_lack(error, label, shown.count_kills(), need) or _unwrap(error, label) from error


def _unwrap(error: RayError, label: str) -> FirelibError:
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, FirelibError):
        return cause
    return FirelibError(
        f"{label}: {type(cause).__name__}: {cause}",
        where=_locate(error),
        remedy="correct the recipe if its code failed; --debug shows the whole traceback",
    )


def _locate(error: RayError) -> str:
    """The line of the recipe that failed in a worker: the last one outside of libraries and of firelib."""
    frames = _FRAME.findall(getattr(error, "traceback_str", ""))
    own = [(file, line) for file, line in frames if "site-packages" not in file and not _is_firelib(file)]
    return f"a task in a Ray worker ({own[-1][0]}, line {own[-1][1]})" if own else "a task in a Ray worker"


def _is_firelib(file: str) -> bool:
    return Path(file).is_relative_to(_PACKAGE) and not Path(file).is_relative_to(_PACKAGE / "recipes")
