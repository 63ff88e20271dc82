"""Stage `train`, on the driver: name the run, train it, publish the model."""

from dataclasses import dataclass, replace
from typing import Any

from firelib import storage
from firelib.config import Environment, Params, model_params
from firelib.console import note
from firelib.dataset_store import dataset_uri
from firelib.errors import FirelibError
from firelib.lineage import lineage
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import Manifest, read_manifest
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.node_probe import live_nodes
from firelib.train.driver.publish import publish, sources
from firelib.train.driver.resources import Share, share_of
from firelib.train.driver.worker_group import run_group
from firelib.train.run_spec import TrainingJob, run_id


@dataclass(frozen=True)
class Request:
    """What is asked of one training, beside its parameters; none of it changes a result.

    Attributes:
        fresh: Forget an earlier run of the same name.
        profile: Leave a profile of some steps.
        group: Name of the tuning that this run is a trial of.
        validations: Queue that takes the metrics of every epoch.
    """

    fresh: bool = False
    profile: bool = False
    group: str | None = None
    validations: Any = None


def train(
    recipe: Recipe, params: Params, environment: Environment, paths: Paths, request: Request = Request()
) -> TrainingProgress:
    """Train a recipe's model on its dataset and publish it; needs a connected Ray. A run that was stopped goes on.

    Args:
        recipe: Gives the model.
        params: How to train.
        environment: Says whether to track.
        paths: Where the dataset lies and the model goes.
        request: What else is wanted.

    Returns:
        The finished run's losses and metrics.

    Raises:
        StoppedError: SIGTERM came: a checkpoint is saved, and the same call goes on from it.
        FirelibError: What was wrong, and what to do.
    """
    manifest = read_manifest(str(paths.manifest))
    job = _job(recipe, params, environment, paths, manifest, request)
    progress = _trained(job, manifest, paths, request.fresh)
    publish(job, manifest, progress, paths)
    return progress


def try_out(
    recipe: Recipe, params: Params, environment: Environment, paths: Paths, request: Request
) -> TrainingProgress:
    """As `train`, but publish nothing: a trial. Training with the same parameters later finds this run finished."""
    manifest = read_manifest(str(paths.manifest))
    return _trained(_job(recipe, params, environment, paths, manifest, request), manifest, paths, request.fresh)


def _trained(job: TrainingJob, manifest: Manifest, paths: Paths, fresh: bool) -> TrainingProgress:
    share = _check(job, manifest)
    if fresh:
        storage.remove_folder(job.run_uri)
    elif storage.exists(job.run_uri):
        note(f"run {job.run_id} was there before: it goes on from its last checkpoint (--fresh starts over)")
    finished = _finished(job)
    if finished and job.profile:
        note("no profile: this run is at its end, nothing is trained (--fresh starts over)")
    return finished or _train(job, manifest, paths, share)


def _job(
    recipe: Recipe,
    params: Params,
    environment: Environment,
    paths: Paths,
    manifest: Manifest,
    request: Request = Request(),
) -> TrainingJob:
    built_with = model_params(recipe.parameters, params)
    name = run_id(recipe, params, built_with, manifest)
    return TrainingJob(
        recipe=recipe,
        params=params,
        model_params=built_with,
        manifest=dataset_uri(paths),
        run_id=name,
        run_uri=storage.join(paths.runs, name),
        tracking=environment.tracking,
        project=str(paths.project),
        profile=request.profile,
        group=request.group,
        validations=request.validations,
    )


def _check(job: TrainingJob, manifest: Manifest) -> Share:
    """Say before any waiting what can never work, and what is odd; what each worker takes."""
    settings = job.params.train
    share = share_of(live_nodes(), settings)
    rows = manifest.split("train").rows
    if not rows:
        raise FirelibError("the training split has no rows", where=job.manifest, remedy="run firelib transform again")
    if rows < settings.global_batch_size:
        note(f"the training split has {rows} rows, less than train.global_batch_size: an epoch is one batch of {rows}")
    return share


def _finished(job: TrainingJob) -> TrainingProgress | None:
    """The run as it ended before, if it did and its last checkpoint is whole."""
    if not storage.exists(job.finished_uri):
        return None
    end, progress = storage.read_json(job.finished_uri), CheckpointStore(job.run_uri).newest()
    if progress is None or progress.step != end["step"]:
        return None
    progress.timing = end["timing"]
    return progress


def _train(job: TrainingJob, manifest: Manifest, paths: Paths, share: Share) -> TrainingProgress:
    weights = _class_weights(job)
    record = lineage(job.params, paths.project, sources(job, manifest))
    timing: dict[str, Any] = run_group(replace(job, class_weights=weights, lineage=record), paths.runs, share)
    progress = CheckpointStore(job.run_uri).newest()
    assert progress is not None, "a run that has ended has saved its last step"
    progress.timing = timing
    storage.write_bytes(job.finished_uri, storage.to_json({"step": progress.step, "timing": timing}))
    return progress


def _class_weights(job: TrainingJob) -> tuple[float, ...] | None:
    if job.params.train.class_weights is None:
        return None
    from firelib.tfrecord.read.dataset import open_dataset  # half a second of imports, for those who ask for it
    from firelib.train.class_weights import class_weights

    return class_weights(job.params.train, open_dataset(job.manifest))
