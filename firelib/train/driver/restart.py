"""Run a worker group until the run has finished: decide after each failure whether to restart, and how."""

import itertools
import time
from collections.abc import Callable

from firelib.console import note
from firelib.errors import FirelibError
from firelib.train.attempt import Attempt
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.driver.worker_group import MoreSlotsError, WorkerGroup, WorkerLostError
from firelib.train.driver.world_size import WorldSize
from firelib.train.run_spec import RunSpec

_MAX_LOSSES = 3  # in a row, without a new checkpoint between them

#: Runs one attempt and returns its figures; raises `WorkerLostError` after a loss.
RunAttempt = Callable[[Attempt], dict[str, float]]


def run_until_finished(spec: RunSpec, runs_uri: str, resources: WorkerResources) -> dict[str, float]:
    """Train from the newest checkpoint to the end of the run, restarting after every loss of workers, and to grow.

    Ray Train's own `max_failures` would also restart after errors that are bound to come again, half a minute each, and
    it would resume from the newest checkpoint without verifying it.

    Args:
        spec: The run.
        runs_uri: Folder of all runs.
        resources: Resources of each worker, in every attempt.

    Returns:
        Timing of the last attempt, and number and cost of the restarts, as in timing.json.

    Raises:
        StoppedError: SIGTERM arrived, and the progress is saved.
        FirelibError: Training failed.
    """
    with SlotReservation(resources) as reservation:
        return _run_attempts(spec, runs_uri, resources, reservation)


def _run_attempts(
    spec: RunSpec, runs_uri: str, resources: WorkerResources, reservation: SlotReservation
) -> dict[str, float]:
    store, losses, restart_seconds = CheckpointStore(spec.run_uri), 0, 0.0
    world_size = WorldSize(spec.params.train, resources, reservation)
    for number in itertools.count(1):
        resume_step = remove_torn_checkpoints(store)
        started = time.time()
        try:
            workers = world_size.choose()
            attempt = Attempt(workers, number, started, resume_step, bool(resources.gpus), restart_seconds)
            figures = WorkerGroup(spec, attempt, runs_uri, resources, reservation, world_size.growth_pause).run()
            return {**figures, **attempt.restart_figures}
        except WorkerLostError as loss:
            has_progressed = store.find_newest().step != resume_step
            losses = 0 if has_progressed else losses + 1
            if losses == _MAX_LOSSES:
                raise _too_many_losses(loss) from loss
            restart_seconds += time.time() - started
            note(f"lost {loss}; restarting from the last checkpoint")
            world_size.shrink(has_progressed=has_progressed)
        except MoreSlotsError:
            losses = 0
            world_size.grow()
            restart_seconds += time.time() - started
    raise AssertionError("unreachable: attempts are counted without end")


def remove_torn_checkpoints(store: CheckpointStore) -> int | None:
    """Remove the torn checkpoints of a run, so that they do not count among the newest ones that are kept.

    Returns:
        Step of the newest whole checkpoint, or None if there is none.
    """
    newest = store.find_newest()
    for step, problem in newest.torn.items():
        note(f"removing the checkpoint of step {step}, which cannot be resumed: {problem}")
    store.remove(newest.torn)
    return newest.step


def _too_many_losses(loss: WorkerLostError) -> FirelibError:
    return FirelibError(
        f"training failed: lost {loss}",
        where=f"{_MAX_LOSSES} attempts in a row without a new checkpoint",
        remedy="run firelib --debug train to see the workers' output; it resumes from the last checkpoint",
    )
