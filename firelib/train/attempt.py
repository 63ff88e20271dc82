"""One start of the worker group: how many workers, and from which checkpoint they resume."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """One start of the worker group, as it is sent to every worker.

    The workers learn each other's addresses from `TF_CONFIG` (`driver.tensorflow_cluster`). The driver learns their
    placement group from the progress board.

    Attributes:
        world_size: Number of workers.
        number: Attempts of this `firelib train` so far, this one included; counted from 1.
        started: When the driver began to start the workers, in seconds of `time.time`.
        resume_step: Step of the checkpoint to resume from, or None to start from the initial weights.
        on_gpu: Whether each worker has a GPU.
        restart_seconds: Seconds that earlier attempts took.
        board: Handle of the progress actor, or None where no driver monitors the workers (tests, benchmarks).
    """

    world_size: int
    number: int = 1
    started: float = 0.0
    resume_step: int | None = None
    on_gpu: bool = False
    restart_seconds: float = 0.0
    board: Any = None

    @property
    def restart_figures(self) -> dict[str, float]:
        """Number and cost of the restarts, under their names in timing.json."""
        return {"restarts": float(self.number - 1), "restarts_seconds": self.restart_seconds}
