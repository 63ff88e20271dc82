"""Classify why an attempt failed: a worker was lost (restart), or its code raised an error (do not)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from ray.exceptions import RayTaskError

from firelib.errors import FirelibError
from firelib.train.peer_loss import is_peer_loss

# Ray Train's exceptions for workers that did not start.
_START_ERRORS = ("WorkerGroupStartupTimeoutError", "WorkerGroupStartupFailedError")


@dataclass(frozen=True)
class Failure:
    """The cause of a failed `fit`.

    Attributes:
        source: What failed: a worker, or the start of the workers.
        reason: Its error message, one line.
        firelib_error: The `FirelibError` that a worker raised, or None.
        is_loss: Whether a worker or its connection was lost, as opposed to an error that the worker's code raised.
    """

    source: str
    reason: str
    firelib_error: FirelibError | None
    is_loss: bool

    @classmethod
    def from_error(cls, error: BaseException) -> "Failure":
        """Classify what Ray Train raised. Its `WorkerGroupError` holds one exception per failed worker."""
        failures = _failures_by_source(error)
        own = next((e for failed in failures.values() for e in _causes(failed) if _is_firelib_error(e)), None)
        losses = {source: failed for source, failed in failures.items() if _is_loss(failed)}
        source, first = next(iter((losses or failures).items()))
        return cls(source, _summarize(first), own, bool(losses))


def _failures_by_source(error: BaseException) -> dict[str, BaseException]:
    """Failed workers, or the failed start, which Ray Train's controller reports."""
    workers: dict[int, BaseException] = getattr(error, "worker_failures", None) or {}
    if workers:
        return {f"worker {rank}": failed for rank, failed in workers.items()}
    return {"the start of the workers": getattr(error, "controller_failure", error)}


def _summarize(failed: BaseException) -> str:
    """The last line of a trace, which is the cause; the first sentence of Ray Train's start errors."""
    lines = str(failed).strip().splitlines() or [type(failed).__name__]
    return lines[0].partition(". ")[0] if type(failed).__name__ in _START_ERRORS else lines[-1].strip()


def _is_firelib_error(error: BaseException) -> TypeGuard[FirelibError]:
    """Whether this is the error as it was raised. Ray's wrapper is an instance of both classes, and prints a trace."""
    return isinstance(error, FirelibError) and not isinstance(error, RayTaskError)


def _is_loss(failed: BaseException) -> bool:
    raised = getattr(failed, "_base_exc", None)  # Ray Train wraps what the training function raised
    if raised is None:
        return not isinstance(failed, RayTaskError)  # a RayTaskError of the controller would come again
    return is_peer_loss(raised)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and the exceptions that Ray has wrapped in it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "_base_exc", None) or getattr(error, "cause", None) or error.__cause__
