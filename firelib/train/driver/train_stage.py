"""Stage `train` on the driver: identify the run, train it, publish the model."""

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
from firelib.train.driver.node_probe import probe_nodes
from firelib.train.driver.prestart import build_runtime_environment, prestart_workers
from firelib.train.driver.publish import check_model_folder, describe_inputs, publish
from firelib.train.driver.resources import WorkerResources, choose_resources
from firelib.train.driver.restart import run_until_finished
from firelib.train.driver.run_lease import hold_run
from firelib.train.run_spec import RunSpec, compute_run_id


@dataclass(frozen=True)
class TrainOptions:
    """Options of one training beside its parameters; none of them changes a result.

    Attributes:
        fresh: Whether to remove an earlier run with the same inputs first.
        profile: Whether to record a profile of some steps.
        group: Name of the tuning that this run is a trial of.
        validations: Queue that receives the validation metrics of every epoch.
    """

    fresh: bool = False
    profile: bool = False
    group: str | None = None
    validations: Any = None


def train(
    recipe: Recipe, params: Params, environment: Environment, paths: Paths, options: TrainOptions = TrainOptions()
) -> TrainingProgress:
    """Train a recipe's model on its dataset and publish it. A stopped run is resumed.

    Ray must be connected.

    Args:
        recipe: The recipe whose model is trained.
        params: Content of params.yaml.
        environment: Names the tracker.
        paths: The project: where the dataset is read and the model is published.
        options: Further options.

    Returns:
        Losses, metrics and timing of the finished run.

    Raises:
        StoppedError: SIGTERM arrived. A checkpoint is saved, and the same call resumes from it.
        FirelibError: The model's folder holds other files, another process trains the same run, the workers do not fit
            on the cluster, or training failed.
    """
    manifest = read_manifest(str(paths.manifest))
    check_model_folder(paths)
    spec = build_run_spec(recipe, params, environment, paths, manifest, options)
    with hold_run(spec.run_id, paths):
        progress = _resume_or_start(spec, manifest, paths, options.fresh)
        publish(spec, manifest, progress, paths)
    return progress


def train_trial(
    recipe: Recipe, params: Params, environment: Environment, paths: Paths, options: TrainOptions
) -> TrainingProgress:
    """Train like `train`, but publish nothing. A later `train` with the same parameters finds the run finished.

    Args:
        recipe: The recipe whose model is trained.
        params: Parameters of the trial.
        environment: Names the tracker.
        paths: The project, whose dataset is read.
        options: Further options.

    Returns:
        Losses, metrics and timing of the finished run.

    Raises:
        StoppedError: SIGTERM arrived, and a checkpoint is saved.
        FirelibError: Another process trains the same run, the workers do not fit on the cluster, or training failed.
    """
    manifest = read_manifest(str(paths.manifest))
    spec = build_run_spec(recipe, params, environment, paths, manifest, options)
    with hold_run(spec.run_id, paths):
        return _resume_or_start(spec, manifest, paths, options.fresh)


def build_run_spec(
    recipe: Recipe,
    params: Params,
    environment: Environment,
    paths: Paths,
    manifest: Manifest,
    options: TrainOptions = TrainOptions(),
) -> RunSpec:
    """Build the specification of a run from a project's files.

    Args:
        recipe: The recipe whose model is trained.
        params: Content of params.yaml.
        environment: Names the tracker.
        paths: The project.
        manifest: Its dataset.
        options: Further options.

    Raises:
        FirelibError: Section `model` does not match the recipe's parameters.
    """
    arguments = model_params(recipe.parameters, params)
    run_id = compute_run_id(recipe, params, arguments, manifest)
    return RunSpec(
        recipe=recipe,
        params=params,
        model_params=arguments,
        manifest=dataset_uri(paths),
        run_id=run_id,
        run_uri=storage.join(paths.runs, run_id),
        tracking=environment.tracking,
        project=str(paths.project),
        profile=options.profile,
        group=options.group,
        validations=options.validations,
    )


def _resume_or_start(spec: RunSpec, manifest: Manifest, paths: Paths, fresh: bool) -> TrainingProgress:
    resources = _validate(spec, manifest)
    if fresh:
        storage.remove_folder(spec.run_uri)
    elif storage.exists(spec.run_uri):
        note(f"run {spec.run_id} exists: resuming from its last checkpoint (--fresh starts over)")
    if not storage.exists(spec.inputs_uri):
        storage.write_bytes(spec.inputs_uri, storage.to_json(describe_inputs(spec, manifest)))
    finished = _read_finished(spec)
    if finished and spec.profile:
        note("no profile: this run has finished, nothing is trained (--fresh starts over)")
    return finished or _train(spec, manifest, paths, resources)


def _validate(spec: RunSpec, manifest: Manifest) -> WorkerResources:
    """Refuse what cannot work before anything waits, warn of an odd batch size; return each worker's resources."""
    settings = spec.params.train
    resources = choose_resources(probe_nodes(), settings)
    rows, batch = manifest.split("train").rows, settings.global_batch_size
    if not rows:
        raise FirelibError("the training split has no rows", where=spec.manifest, remedy="run firelib transform again")
    if rows < batch:
        note(f"train.global_batch_size is {batch}, the training split has {rows} rows: an epoch is one batch of {rows}")
    return resources


def _read_finished(spec: RunSpec) -> TrainingProgress | None:
    """Progress of the run if it has finished before and its last checkpoint is whole."""
    if not storage.exists(spec.finished_uri):
        return None
    end, progress = storage.read_json(spec.finished_uri), CheckpointStore(spec.run_uri).find_newest().progress
    if progress is None or progress.step != end["step"]:
        return None
    progress.timing = end["timing"]
    return progress


def _train(spec: RunSpec, manifest: Manifest, paths: Paths, resources: WorkerResources) -> TrainingProgress:
    if not resources.gpus:  # a GPU worker needs the environment that Ray sets when it creates the actor
        prestart_workers(build_runtime_environment(resources), spec.params.train.workers)
    weights = _compute_class_weights(spec)
    record = lineage(spec.params, paths.project, describe_inputs(spec, manifest))
    timing = run_until_finished(replace(spec, class_weights=weights, lineage=record), paths.runs, resources)
    progress = CheckpointStore(spec.run_uri).find_newest().progress
    assert progress is not None, "a finished run has a checkpoint of its last step"
    progress.timing = timing
    storage.write_bytes(spec.finished_uri, storage.to_json({"step": progress.step, "timing": timing}))
    return progress


def _compute_class_weights(spec: RunSpec) -> tuple[float, ...] | None:
    if spec.params.train.class_weights is None:
        return None
    from firelib.tfrecord.read.dataset import open_dataset  # half a second of imports, paid only where it is needed
    from firelib.train.class_weights import compute_class_weights

    return compute_class_weights(spec.params.train, open_dataset(spec.manifest))
