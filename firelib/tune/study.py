"""`firelib tune`: a study of trials, run by Ray Tune; ASHA stops the worse trials early.

ASHA: Li et al. (2020), https://arxiv.org/abs/1810.05934.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firelib import storage
from firelib.config import Environment, Params
from firelib.console import note
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.ray_setup.session import require_cpus
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.driver.failure import Failure
from firelib.train.run_spec import compute_run_id
from firelib.tune.space import sample_trials, validate_space
from firelib.tune.trial import Study, run_trial
from firelib.tune.trial_logger import TrialLogger

_HEAD = "node:__internal_head__"  # Ray's resource of the head node, which has the project's files


@dataclass(frozen=True)
class Trial:
    """The result of a trial.

    Attributes:
        values: Parameter → value.
        epochs: Number of trained epochs.
        score: The metric of the epoch whose weights a training keeps (the best or the last one); None if the trial
            failed before its first validation.
        error: The first line of the error; empty if the trial did not fail.
    """

    values: Mapping[str, Any]
    epochs: int
    score: float | None
    error: str


def tune(recipe: Recipe, params: Params, environment: Environment, paths: Paths, fresh: bool = False) -> list[Trial]:
    """Run a study, or resume a stopped one; Ray must be connected.

    Args:
        recipe: Builds the model.
        params: The parameters that all trials share, and section `tune`.
        environment: Its `tracking` says where metrics are logged.
        paths: Paths of the dataset and the storage root.
        fresh: Discard an earlier study of the same inputs; the runs of its trials are kept.

    Returns:
        The trials, the best one first.

    Raises:
        FirelibError: The space is invalid, a trial does not fit this Ray, or every trial failed.
        KeyboardInterrupt: Ctrl-C; the study can be resumed.
    """
    validate_space(recipe, params)
    study = Study(_study_name(recipe, params, paths), recipe, params, environment, paths)
    concurrent = _count_concurrent_trials(params)
    folder = storage.join(paths.root, "tuning")
    if fresh:
        storage.remove_folder(storage.join(folder, study.name))
    values = sample_trials(params)
    note(f"study {study.name}: {len(values)} trials, {concurrent} at a time")
    results = _build_tuner(study, folder, concurrent, values).fit()
    if results.num_terminated + results.num_errors < len(values):
        raise KeyboardInterrupt
    values_by_path = _read_values(results)
    trials = _rank([_build_trial(result, values_by_path[result.path], params) for result in results], params)
    if trials[0].error:
        raise FirelibError(
            f"every trial failed: {trials[0].error}",
            where=storage.join(folder, study.name),
            remedy="train a single run to see the whole error: firelib train",
        )
    return trials


def _study_name(recipe: Recipe, params: Params, paths: Paths) -> str:
    """Name a study by a hash of its inputs, like a run: the same inputs resume the same study."""
    manifest = read_manifest(str(paths.manifest))
    inputs = {
        "run": compute_run_id(recipe, params, {**recipe.parameters, **params.model}, manifest),
        "tune": params.tune.model_dump(mode="json"),
    }
    return f"{recipe.name}-tuning-{storage.sha256_json(inputs)[:12]}"


def _count_concurrent_trials(params: Params) -> int:
    """Number of trials that fit this Ray at the same time."""
    import ray

    cpus = params.train.workers * params.train.cpus_per_worker
    require_cpus(cpus, "each trial")
    return max(1, int(ray.cluster_resources().get("CPU", 0.0) / cpus + 1e-9))


def _build_tuner(study: Study, folder: str, concurrent: int, values: list[dict[str, Any]]) -> Any:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.basic_variant import BasicVariantGenerator

    settings, train = study.params.tune, study.params.train
    # The trial's workers reserve the CPUs; Tune requires some resource for the trial itself.
    trainable = tune.with_resources(tune.with_parameters(run_trial, study=study), {"CPU": 0, _HEAD: 0.001})
    uri = storage.join(folder, study.name)
    if tune.Tuner.can_restore(uri):
        note("resuming: finished trials are kept (--fresh starts over)")
        return tune.Tuner.restore(uri, trainable)
    scheduler = ASHAScheduler(
        time_attr="epoch",
        max_t=train.epochs + 1,  # ASHA stops a trial at `max_t`: at the last epoch, before it has saved its model
        grace_period=min(settings.grace_epochs, train.epochs),
        reduction_factor=settings.reduction,
    )
    return tune.Tuner(
        trainable,
        param_space={"values": tune.grid_search(values)},
        tune_config=tune.TuneConfig(
            metric=train.early_stopping.metric,
            mode="min" if train.early_stopping.smaller_is_better else "max",
            scheduler=scheduler,
            search_alg=BasicVariantGenerator(max_concurrent=concurrent),
        ),
        run_config=tune.RunConfig(
            name=study.name, storage_path=folder, verbose=0, callbacks=[TrialLogger(len(values))]
        ),
    )


def _read_values(results: Any) -> dict[str, Mapping[str, Any]]:
    """Map each trial's path to its values, which its result lacks if the trial failed before its first report."""
    from ray import tune

    trials = tune.ExperimentAnalysis(results.experiment_path, storage_filesystem=results.filesystem).trials
    return {trial.path: trial.config["values"] for trial in trials}


def _build_trial(result: Any, values: Mapping[str, Any], params: Params) -> Trial:
    history = result.metrics_dataframe
    error = _summarize(result.error) if result.error else ""
    if history is None or params.train.early_stopping.metric not in history:
        return Trial(values, 0, None, error or "no epoch was validated")
    scores = list(history[params.train.early_stopping.metric])
    return Trial(values, int(history["epoch"].max()), _select_score(scores, params), error)


def _summarize(error: BaseException) -> str:
    failure = Failure.from_error(error)
    return failure.reason if failure.firelib_error is None else str(failure.firelib_error).splitlines()[0]


def _select_score(scores: Sequence[float], params: Params) -> float:
    """Score of the epoch whose weights a training keeps."""
    settings = params.train.early_stopping
    if settings.patience is None or not settings.restore_best:
        return float(scores[-1])
    return float(min(scores) if settings.smaller_is_better else max(scores))


def _rank(trials: Sequence[Trial], params: Params) -> list[Trial]:
    """Sort the trials by score, failed ones last."""
    sign = 1 if params.train.early_stopping.smaller_is_better else -1
    return sorted(trials, key=lambda trial: (bool(trial.error), trial.score is None, sign * (trial.score or 0.0)))
