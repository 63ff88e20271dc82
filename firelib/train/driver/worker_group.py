"""The worker group of one attempt: start it with Ray Train, wait for its end, translate its failure."""

import os
from dataclasses import replace
from typing import Any

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError, StoppedError
from firelib.signals import on_sigterm, preserve_ctrl_c
from firelib.train.attempt import Attempt
from firelib.train.checkpoint.serialization import TornCheckpointError
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.failure import Failure
from firelib.train.driver.growth import Growth
from firelib.train.driver.monitor import Monitor, monitor_workers
from firelib.train.driver.prestart import RAY_TRAIN, build_runtime_environment
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.run_spec import RunSpec
from firelib.train.worker.entry import train_loop

_SNAPSHOT = "checkpoint_manager_snapshot.json"


class WorkerLostError(Exception):
    """A worker or its checkpoint was lost, and the code is not to blame: a restart may succeed."""


class MoreSlotsError(Exception):
    """The workers have saved a checkpoint and stopped, because slots for more of them are reserved."""


class WorkerGroup:
    """The workers of one attempt.

    Args:
        spec: The run.
        attempt: The attempt; the group adds the handle of the progress actor.
        runs_uri: Folder of all runs.
        resources: Resources of each worker.
        reservation: The slots that are reserved for this attempt; receives those with which the workers may grow.
        growth_pause: Seconds of training before the workers may stop to grow.
    """

    def __init__(
        self,
        spec: RunSpec,
        attempt: Attempt,
        runs_uri: str,
        resources: WorkerResources,
        reservation: SlotReservation,
        growth_pause: float = 0.0,
    ) -> None:
        self._spec, self._attempt, self._runs_uri, self._resources = spec, attempt, runs_uri, resources
        self._reservation, self._growth_pause = reservation, growth_pause

    def run(self) -> dict[str, float]:
        """Start the workers and wait until they have finished.

        Returns:
            The metrics of the workers' last report: the timing of this attempt.

        Raises:
            WorkerLostError: A worker, or the train controller, was lost.
            MoreSlotsError: Slots for more workers are reserved, and the progress is saved.
            StoppedError: SIGTERM arrived, and the progress is saved.
            FirelibError: A worker raised an error.
        """
        note(f"run {self._spec.run_id}: starting {count_workers(self._attempt.world_size)}")
        # Ray would refuse to start if its list of checkpoints named one that is gone. firelib chooses the checkpoint.
        storage.remove_file(storage.join(self._spec.run_uri, _SNAPSHOT))
        settings = self._spec.params.train
        world_size, reservation = self._attempt.world_size, self._reservation
        growth = Growth(world_size, settings.workers, self._resources, reservation, self._growth_pause)
        with (
            monitor_workers(settings, growth) as monitor,
            preserve_ctrl_c(),
            on_sigterm(lambda: _handle_sigterm(monitor)),
        ):
            result = self._fit(monitor)
        figures = dict(result.metrics)
        if figures.pop("stopped"):
            if monitor.grown and not monitor.stop_requested.is_set():
                raise MoreSlotsError
            raise_stopped()
        return figures

    def _fit(self, monitor: Monitor) -> Any:
        from ray.exceptions import RayActorError
        from ray.train import TrainingFailedError

        try:
            return self._build_trainer(monitor.board).fit()
        except RayActorError as error:
            monitor.remove_placement_groups()
            raise WorkerLostError("the train controller") from error
        except TrainingFailedError as error:
            monitor.remove_placement_groups()
            failure = Failure.from_error(error)
            if self._has_lost_checkpoint(failure):
                note(f"the checkpoint of step {self._attempt.resume_step} cannot be read: {failure.firelib_error}")
                raise WorkerLostError(f"the checkpoint of step {self._attempt.resume_step}") from error
            if failure.firelib_error is not None:
                raise failure.firelib_error from None
            raise _translate(failure, monitor) from error

    def _has_lost_checkpoint(self, failure: Failure) -> bool:
        """Whether the checkpoint to resume from has vanished since the driver chose it.

        Workers of a driver that was killed go on for some seconds, and may prune it meanwhile.
        """
        error, step = failure.firelib_error, self._attempt.resume_step
        if step is None or not isinstance(error, TornCheckpointError):
            return False
        store = CheckpointStore(self._spec.run_uri)
        return error.where == store.uri(step) and store.find_newest().step != step

    def _build_trainer(self, board: Any) -> Any:
        from ray.train import RunConfig, ScalingConfig
        from ray.train.v2.api.config import FailureConfig

        from firelib.train.driver.ray_trainer import FixedGroupTrainer

        os.environ.update(RAY_TRAIN)
        resources, attempt = self._resources, replace(self._attempt, board=board)
        # By default Ray retries failed and preempted starts without limit, with the same number of workers.
        no_retries = FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0)
        return FixedGroupTrainer(
            train_loop,
            {"spec": self._spec, "attempt": attempt},
            ScalingConfig(
                num_workers=attempt.world_size,
                use_gpu=bool(resources.gpus),
                resources_per_worker=resources.by_name,
            ),
            RunConfig(
                name=self._spec.run_id,
                failure_config=no_retries,
                worker_runtime_env={"env_vars": build_runtime_environment(resources)},
                **_storage_options(self._runs_uri),
            ),
            board,
            self._reservation.hand_over(),
        )


def _handle_sigterm(monitor: Monitor) -> None:
    if monitor.sends_sigterm:
        raise WorkerLostError(monitor.lost)
    if monitor.stop_requested.is_set() or not monitor.has_trained.is_set():
        raise_stopped()  # the second SIGTERM, or nothing has been trained yet
    note("SIGTERM: saving a checkpoint")
    monitor.stop_requested.set()


def _translate(failure: Failure, monitor: Monitor) -> Exception:
    """Return the error to raise for a failure that is not an error of firelib."""
    if monitor.lost is not None:
        return WorkerLostError(monitor.lost)
    if monitor.stop_requested.is_set():
        return _stopped_error()  # SIGTERM also reached the workers
    if failure.is_loss:
        return WorkerLostError(f"{failure.source} ({failure.reason})")
    return FirelibError(
        f"training failed: {failure.reason}",
        where=failure.source,
        remedy="run firelib --debug train to see the workers' output; it resumes from the last checkpoint",
    )


def raise_stopped() -> None:
    """Raise the error of a training that SIGTERM has stopped.

    Raises:
        StoppedError: Always.
    """
    raise _stopped_error()


def _stopped_error() -> StoppedError:
    return StoppedError("training was stopped", remedy="run the same command to resume from the last checkpoint")


def _storage_options(runs_uri: str) -> dict[str, Any]:
    """Ray's options for the folder of all runs. A bucket is reached through fsspec, as everywhere in firelib.

    Arrow's own client takes other settings.
    """
    if storage.is_local(runs_uri):
        return {"storage_path": runs_uri}
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    fs, path = storage.filesystem(runs_uri)
    return {"storage_path": path, "storage_filesystem": PyFileSystem(FSSpecHandler(fs))}


def count_workers(workers: int) -> str:
    """Write a number of workers as text."""
    return "1 worker" if workers == 1 else f"{workers} workers"
