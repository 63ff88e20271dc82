"""Run Dask tasks on Ray's workers, with progress over the results."""

from collections.abc import Sequence
from typing import Any

import dask
import ray
from ray.exceptions import RayTaskError
from ray.util.dask import RayDaskCallback, ray_dask_get

from firelib.console import Advance, progress
from firelib.errors import FirelibError


class _Progress(RayDaskCallback):  # type: ignore[misc]  # Ray's base class is untyped
    """Report results as they become ready. Ray's own ProgressBarCallback fails when used twice in a process."""

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
        FirelibError: A task raised it (its Ray wrapping is taken off).
    """
    try:
        with progress(label, len(tasks)) as advance, _Progress(advance):
            return list(dask.compute(*tasks, scheduler=ray_dask_get))
    except RayTaskError as error:
        cause = error.cause
        raise (cause if isinstance(cause, FirelibError) else error) from None
