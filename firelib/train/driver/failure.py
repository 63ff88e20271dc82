"""Why a group of workers failed: a worker was lost (start again), or its code raised (do not)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from ray.exceptions import RayTaskError

from firelib.errors import FirelibError

# What Ray Train says when the workers did not come up.
_STARTS = ("WorkerGroupStartupTimeoutError", "WorkerGroupStartupFailedError")


@dataclass(frozen=True)
class Failure:
    """What ended a `fit`.

    Attributes:
        who: What failed: a worker, or the start of all.
        why: Its last words, one line.
        own: The error to show as it is, if the worker raised one of ours.
        is_loss: Whether a worker or its connection was lost, rather than an error raised by its code.
    """

    who: str
    why: str
    own: FirelibError | None
    is_loss: bool

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Read what Ray Train raised (`WorkerGroupError` holds one exception a failed worker)."""
        failures = _failures(error)
        own = next((e for failed in failures.values() for e in _chain(failed) if _is_own(e)), None)
        losses = {who: failed for who, failed in failures.items() if _is_loss(failed)}
        who, first = next(iter((losses or failures).items()))
        return cls(who, _words(first), own, bool(losses))


def _failures(error: BaseException) -> dict[str, BaseException]:
    """Who failed, and how: workers, or Ray Train's controller, which starts them."""
    workers: dict[int, BaseException] = getattr(error, "worker_failures", None) or {}
    if workers:
        return {f"worker {rank}": failed for rank, failed in workers.items()}
    return {"the start of the workers": getattr(error, "controller_failure", error)}


def _words(failed: BaseException) -> str:
    """The last line of what it says, which is the cause; of a time that was over, the first sentence."""
    lines = str(failed).strip().splitlines() or [type(failed).__name__]
    return lines[0].partition(". ")[0] if type(failed).__name__ in _STARTS else lines[-1].strip()


def _is_own(error: BaseException) -> TypeGuard[FirelibError]:
    """One of ours as it was raised: what Ray wraps it in claims to be one, too, and says its whole trace."""
    return isinstance(error, FirelibError) and not isinstance(error, RayTaskError)


def _is_loss(failed: BaseException) -> bool:
    raised = getattr(failed, "_base_exc", None)  # Ray's wrapping of what the training function raised
    if raised is None:
        return not isinstance(failed, RayTaskError)  # the controller could not start it: it will not the next time
    # A worker whose peer has gone gets an error of TensorFlow's runtime from the collective operation.
    return any(cls.__name__ in ("UnavailableError", "AbortedError", "CancelledError") for cls in type(raised).__mro__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that Ray wrapped inside it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "_base_exc", None) or getattr(error, "cause", None) or error.__cause__
