"""Run Dask tasks on Ray's workers, with progress over the results."""

from collections.abc import Sequence
from typing import Any

import dask
import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.dask import RayDaskCallback, ray_dask_get

from firelib.console import Advance, progress
from firelib.errors import FirelibError


class _Progress(RayDaskCallback):  # type: ignore[misc]  # Ray's base class is untyped
    """Report results as they become ready. Ray's own ProgressBarCallback fails when used twice in a process.

    It waits for all of them, so that no task still writes when the error of another one arrives. (`ray.cancel`
    is no way out: in 2.60 the whole driver aborts when a task ends while it is being cancelled.)
    """

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def __reduce__(self) -> Any:
        return RayDaskCallback, ()  # Ray ships the callback with each task; the display stays here

    def _ray_postsubmit_all(self, object_refs: Sequence[Any], dsk: Any) -> None:  # noqa: ARG002  Ray's signature
        pending = [ref for ref in object_refs if isinstance(ref, ray.ObjectRef)]
        total = len(pending)
        while pending:
            _, pending = ray.wait(pending, num_returns=len(pending), timeout=0.5)
            self._advance(total - len(pending), total)


def compute(tasks: Sequence[Any], label: str) -> list[Any]:
    """The results of Dask tasks, in their order, computed in Ray's workers.

    Raises:
        FirelibError: A task raised it (its Ray wrapping is taken off), or raised something else.
    """
    try:
        with progress(label, len(tasks)) as advance, _Progress(advance):
            return list(dask.compute(*tasks, scheduler=ray_dask_get))
    except RayError as error:
        raise _unwrapped(error, label) from error


def _unwrapped(error: RayError, label: str) -> FirelibError:
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, FirelibError):
        return cause
    return FirelibError(
        f"{label}: {type(cause).__name__}: {cause}",
        where="a task in a Ray worker",
        remedy="if the recipe's code is to blame, correct it; --debug shows the whole trace",
    )
