"""Stage `train`, on the driver: start the workers, show progress, publish the model."""

import csv
import io
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config import Environment, Params, model_params
from firelib.console import note, quiet
from firelib.errors import FirelibError
from firelib.lineage import lineage
from firelib.paths import Paths
from firelib.ray_session import require_cpus
from firelib.recipe import Recipe
from firelib.tfrecord.manifest import Manifest, read_manifest
from firelib.train import checkpoints
from firelib.train.checkpoints import TrainingProgress
from firelib.train.failure import Failure
from firelib.train.job import TrainingJob, run_id
from firelib.train.live import live_board
from firelib.train.loop import train_loop

_RESTARTS = 2
_CHECKPOINTS_KEPT = 2


def train(
    recipe: Recipe, params: Params, environment: Environment, paths: Paths, fresh: bool = False
) -> TrainingProgress:
    """Train a recipe's model on its dataset; needs a connected Ray. A run that was stopped goes on.

    Args:
        recipe: Gives the model.
        params: How to train.
        environment: Says whether to track.
        paths: Where the dataset lies and the model goes.
        fresh: Forget an earlier run of the same name.

    Returns:
        The finished run's losses and metrics.
    """
    manifest = read_manifest(str(paths.manifest))
    job = _job(recipe, params, environment, paths, manifest)
    require_cpus(params.train.workers * params.train.cpus_per_worker, f"training on {params.train.workers} workers")
    if fresh:
        storage.remove_folder(job.run_uri)
    elif storage.exists(job.run_uri):
        note(f"run {job.run_id} was there before: it goes on from its last checkpoint (--fresh starts over)")
    progress = _fit(job, paths)
    _publish(job, manifest, progress, paths)
    return progress


def _job(recipe: Recipe, params: Params, environment: Environment, paths: Paths, manifest: Manifest) -> TrainingJob:
    built_with = model_params(recipe.parameters, params)
    name = run_id(recipe, params, built_with, manifest)
    return TrainingJob(
        recipe=recipe,
        params=params,
        model_params=built_with,
        manifest=str(paths.manifest),
        run_id=name,
        run_uri=storage.join(paths.runs, name),
        tracking=environment.tracking,
        tracking_folder=str(paths.project / "wandb"),
    )


def _fit(job: TrainingJob, paths: Paths) -> TrainingProgress:
    from ray.train import CheckpointConfig, RunConfig, ScalingConfig

    with quiet():
        from ray.train.tensorflow import TensorflowTrainer

    settings = job.params.train
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    note(f"run {job.run_id}: starting {workers}; each imports TensorFlow first")
    with live_board() as board:
        result = _fit_with_restarts(
            lambda: TensorflowTrainer(
                train_loop,
                train_loop_config={"job": replace(job, live=board)},
                scaling_config=ScalingConfig(
                    num_workers=settings.workers, resources_per_worker={"CPU": settings.cpus_per_worker}
                ),
                run_config=RunConfig(
                    name=job.run_id,
                    storage_path=paths.runs,
                    checkpoint_config=CheckpointConfig(num_to_keep=_CHECKPOINTS_KEPT),
                    worker_runtime_env={"env_vars": worker_environment(settings.cpus_per_worker)},
                ),
            )
        )
    with result.checkpoint.as_directory() as folder:
        return checkpoints.load(Path(folder))[1]


def worker_environment(cpus: float) -> dict[str, str]:
    """Variables that a worker needs before TensorFlow and Keras are imported."""
    return {
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": "0",  # Ray sets it to 1, after Keras was imported: say it here, for all
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": str(max(1, round(cpus))),  # workers on one host share its cores
    }


def _fit_with_restarts(trainer: Callable[[], Any]) -> Any:
    """`fit`, again from the last checkpoint after a worker was lost.

    Ray's own `max_failures` would also repeat errors that can only come again, half a minute each.
    """
    from ray.train import TrainingFailedError

    for left in reversed(range(_RESTARTS + 1)):
        try:
            with _own_ctrl_c():
                return trainer().fit()
        except TrainingFailedError as error:
            failure = Failure.of(error)
            if failure.own is not None:
                raise failure.own from None
            if not left or not failure.is_loss:
                raise FirelibError(
                    f"training failed: {failure.why}",
                    where=f"worker of rank {failure.rank}",
                    remedy="--debug shows the workers' output; run again to go on from the last checkpoint",
                ) from error
            note(f"lost worker {failure.rank} ({failure.why}); starting again from the last checkpoint")
    raise AssertionError("unreachable")


@contextmanager
def _own_ctrl_c() -> Iterator[None]:
    """Ray Train takes SIGINT for itself, keeps it, and exits with code 0, as if training had ended well."""
    on_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        if on_main:
            signal.signal(signal.SIGINT, before)


def _publish(job: TrainingJob, manifest: Manifest, progress: TrainingProgress, paths: Paths) -> None:
    """Model, lineage, metrics and curves to where people and DVC look for them."""
    fs, exported = storage.filesystem(job.export_uri)
    data = {
        "manifest_sha256": manifest.sha256,
        "tables": manifest.tables,
        "run": job.run_id,
        "tracking_id": progress.tracking_id,
    }
    with storage.publish_folder(paths.model) as folder:
        fs.get(f"{exported}/", f"{folder}/", recursive=True)
        data["weights_sha256"] = storage.read_json(str(folder / "weights.json"))["sha256"]
        record = lineage(job.params, paths.project, data)
        storage.write_bytes(str(folder / "lineage.json"), storage.to_json(record))
    last = {name: value for name, value in progress.validation[-1].items() if name != "epoch"}
    metrics = {"train_loss": progress.losses[-1], "steps": progress.step, **last}
    storage.write_bytes(str(paths.metrics / "train.json"), storage.to_json(metrics))
    steps = [{"step": step, "loss": loss} for step, loss in enumerate(progress.losses, 1)]
    storage.write_bytes(str(paths.plots / "training.csv"), _csv(steps))
    storage.write_bytes(str(paths.plots / "validation.csv"), _csv(progress.validation))


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
