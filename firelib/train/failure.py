"""Why a group of workers failed: a worker was lost (start again), or its code raised (do not)."""

from collections.abc import Iterator
from dataclasses import dataclass

from firelib.errors import FirelibError


@dataclass(frozen=True)
class Failure:
    """What ended a `fit`.

    Attributes:
        rank: The worker that says why.
        why: Its last words, one line.
        own: The error to show as it is, if the worker raised one of ours.
        is_loss: Whether a worker or its connection was lost, rather than an error raised by its code.
    """

    rank: int
    why: str
    own: FirelibError | None
    is_loss: bool

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Read what Ray Train raised (`WorkerGroupError` holds one exception a failed worker)."""
        failures: dict[int, BaseException] = getattr(error, "worker_failures", None) or {0: error}
        own = next((e for failed in failures.values() for e in _chain(failed) if isinstance(e, FirelibError)), None)
        losses = {rank: failed for rank, failed in failures.items() if _is_loss(failed)}
        rank, first = next(iter((losses or failures).items()))
        words = str(first).strip().splitlines() or [type(first).__name__]
        return cls(rank, words[-1].strip(), own, bool(losses))


def _is_loss(failed: BaseException) -> bool:
    raised = getattr(failed, "_base_exc", None)  # Ray's wrapping of what the training function raised
    if raised is None:
        return True
    # A worker whose peer has gone gets an error of TensorFlow's runtime from the collective operation.
    return any(cls.__name__ in ("UnavailableError", "AbortedError", "CancelledError") for cls in type(raised).__mro__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that Ray wrapped inside it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "_base_exc", None) or getattr(error, "cause", None) or error.__cause__
