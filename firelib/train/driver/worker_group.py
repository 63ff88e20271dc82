"""The group of workers: started by Ray Train, started again after a loss, with fewer workers if need be."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from firelib import storage
from firelib.config import Train
from firelib.console import note
from firelib.errors import FirelibError, StoppedError
from firelib.signals import on_sigterm, own_ctrl_c
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.failure import Failure
from firelib.train.driver.monitor import Watch, watched
from firelib.train.driver.node_probe import free_places
from firelib.train.driver.prestart import RAY_TRAIN, prestart_workers, warm
from firelib.train.driver.resources import Share
from firelib.train.run_spec import TrainingJob
from firelib.train.worker.devices import worker_environment
from firelib.train.worker.entry import train_loop

_LOSSES_IN_PLACE = 3  # without a new checkpoint between them
_SNAPSHOT = "checkpoint_manager_snapshot.json"


def run_group(job: TrainingJob, runs: str, share: Share) -> dict[str, float]:
    """Train to the end of the run, from its newest checkpoint, over any loss of workers.

    Ray's own `max_failures` would also repeat errors that can only come again, half a minute each, and it would trust
    the newest checkpoint unread.

    Args:
        job: What to train.
        runs: URI below which runs lie.
        share: What each worker takes, in every start.

    Returns:
        Where the time went: the last start's figures, the restarts and what they cost.

    Raises:
        StoppedError: SIGTERM came; all that was done is saved.
        FirelibError: Training failed.
    """
    settings, store = job.params.train, CheckpointStore(job.run_uri)
    if not share.gpus:  # Ray names a worker's GPU only when it makes the actor
        prestart_workers(_environment(share), settings.workers)
    in_place, restarts, lost = 0, 0, 0.0
    while True:
        resume = _resume(store)
        started = time.time()
        try:
            workers = _workers(settings, share)
            before = {"restarts": float(restarts), "restarts_seconds": lost}
            figures = _start(replace(job, resume=resume, started=started, restarts=before), runs, share, workers)
            return {**figures, **before}
        except _LossError as loss:
            in_place = 0 if _resume(store) != resume else in_place + 1
            if in_place == _LOSSES_IN_PLACE:
                raise FirelibError(
                    f"training failed: {loss}",
                    where=f"{in_place} starts in a row without a new checkpoint",
                    remedy="--debug shows the workers' output; run again to go on from the last checkpoint",
                ) from loss
            restarts, lost = restarts + 1, lost + time.time() - started
            note(f"lost {loss}; starting again from the last checkpoint")


class _LossError(Exception):
    """A worker was lost; its code is not to blame."""


def _resume(store: CheckpointStore) -> int | None:
    progress = store.newest()
    return progress.step if progress else None


def _workers(settings: Train, share: Share) -> int:
    """With how many to start now: all, or those for which a place is left."""
    with on_sigterm(_raise_stopped):
        workers = free_places(share, settings.workers, settings.start_seconds)
    if workers < settings.min_workers:
        raise FirelibError(
            f"training needs {_counted(settings.min_workers)} at least, {share} each; there is a place for {workers}",
            where=f"this Ray, train.start_seconds ({settings.start_seconds:g} s) being over or its nodes being lost",
            remedy="end what else runs there, add nodes, or set a smaller train.min_workers or train.cpus_per_worker; "
            "the same command goes on from the last checkpoint",
        )
    if workers < settings.workers:
        note(f"going on with {workers} of {_counted(settings.workers)}; the batches stay the same")
    return workers


def _start(job: TrainingJob, runs: str, share: Share, workers: int) -> dict[str, float]:
    """One start of the workers, to its end."""
    note(f"run {job.run_id}: starting {_counted(workers)}")
    # Ray would refuse to start where its list of checkpoints names one that is gone; ours decide.
    storage.remove_file(storage.join(job.run_uri, _SNAPSHOT))
    with watched(job.params.train, workers) as watch, own_ctrl_c(), on_sigterm(lambda: _stop(watch)):
        job = replace(job, live=watch.board, on_gpu=bool(share.gpus))
        result = _fit(lambda: _trainer(job, runs, share, workers), watch)
    figures = dict(result.metrics)
    if figures.pop("stopped"):
        raise _stopped()
    return figures


def _stop(watch: Watch) -> None:
    if watch.interrupts:
        raise _LossError(watch.hang)
    if watch.stop.is_set() or not watch.training.is_set():
        raise _stopped()  # asked twice, or nothing has been trained yet
    note("asked to end: saving a checkpoint")
    watch.stop.set()


def _raise_stopped() -> None:
    raise _stopped()


def _stopped() -> StoppedError:
    return StoppedError("training was stopped; the same command goes on from its last checkpoint")


def _fit(trainer: Callable[[], Any], watch: Watch) -> Any:
    from ray.exceptions import RayActorError
    from ray.train import TrainingFailedError

    try:
        return trainer().fit()
    except RayActorError as error:
        watch.release()
        raise _LossError("the train controller") from error
    except TrainingFailedError as error:
        watch.release()
        failure = Failure.of(error)
        if failure.own is not None:
            raise failure.own from None
        if watch.hang is not None:
            raise _LossError(watch.hang) from error
        if watch.stop.is_set():
            raise _stopped() from error  # the others were told to end, too
        if failure.is_loss:
            raise _LossError(f"{failure.who} ({failure.why})") from error
        raise FirelibError(
            f"training failed: {failure.why}",
            where=failure.who,
            remedy="--debug shows the workers' output; run again to go on from the last checkpoint",
        ) from error


def _trainer(job: TrainingJob, runs: str, share: Share, workers: int) -> Any:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.v2.api.config import FailureConfig

    from firelib.train.driver.ray_trainer import FixedGroupTrainer

    os.environ.update(RAY_TRAIN)

    # By default Ray would try a start that failed, and one that was preempted, again for ever and as it was.
    once = FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0)
    return FixedGroupTrainer(
        train_loop,
        {"job": job},
        ScalingConfig(num_workers=workers, use_gpu=bool(share.gpus), resources_per_worker=share.named),
        RunConfig(
            name=job.run_id,
            failure_config=once,
            worker_runtime_env={"env_vars": _environment(share)},
            **_kept_in(runs),
        ),
        job.live,
    )


def _environment(share: Share) -> dict[str, str]:
    environment = worker_environment(share.cpus, bool(share.gpus))
    return environment if share.gpus else warm(environment)


def _kept_in(runs: str) -> dict[str, Any]:
    """Where Ray keeps runs: in a bucket through fsspec, as all else here; Arrow's own client has other settings."""
    if storage.is_local(runs):
        return {"storage_path": runs}
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    fs, path = storage.filesystem(runs)
    return {"storage_path": path, "storage_filesystem": PyFileSystem(FSSpecHandler(fs))}


def _counted(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"
