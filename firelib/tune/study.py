"""`firelib tune`: trials by Ray Tune, the worse ones stopped early (ASHA), on the CPUs that there are.

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
from firelib.tune.space import check_space, drawn
from firelib.tune.trial import Study, run_trial
from firelib.tune.trial_logger import Notes

_HEAD = "node:__internal_head__"  # Ray's own resource: trials are steered from where the project lies


@dataclass(frozen=True)
class Trial:
    """How a trial ended.

    Attributes:
        values: Its parameters.
        epochs: That it trained.
        score: Its metric: of the best epoch if that is what a training keeps, else of the last; None if it has none.
        error: The first line of what it failed with, or nothing.
    """

    values: Mapping[str, Any]
    epochs: int
    score: float | None
    error: str


def tune(recipe: Recipe, params: Params, environment: Environment, paths: Paths, fresh: bool = False) -> list[Trial]:
    """Try parameters out; needs a connected Ray. A tuning that was stopped goes on.

    Args:
        recipe: Gives the model.
        params: What all trials share, and section `tune`.
        environment: Says whether to track.
        paths: Where the dataset lies.
        fresh: Forget an earlier tuning of the same inputs; trained runs of its trials stay.

    Returns:
        The trials, the best one first.

    Raises:
        FirelibError: The space is wrong, a trial does not fit this Ray, or every trial failed.
        KeyboardInterrupt: Ctrl-C; what was done is kept.
    """
    check_space(recipe, params)
    study = Study(_name(recipe, params, paths), recipe, params, environment, paths)
    concurrent = _concurrent(params)
    folder = storage.join(paths.root, "tuning")
    if fresh:
        storage.remove_folder(storage.join(folder, study.name))
    values = drawn(params)
    note(f"tuning {study.name}: {len(values)} trials, {concurrent} at a time")
    results = _tuner(study, folder, concurrent, values).fit()
    if results.num_terminated + results.num_errors < len(values):
        raise KeyboardInterrupt
    tried = _tried(results)
    trials = _ranked([_trial(result, tried[result.path], params) for result in results], params)
    if trials[0].error:
        raise FirelibError(
            f"every trial failed: {trials[0].error}", where=storage.join(folder, study.name), remedy="try firelib train"
        )
    return trials


def _name(recipe: Recipe, params: Params, paths: Paths) -> str:
    """The same inputs are the same tuning, as with a run."""
    manifest = read_manifest(str(paths.manifest))
    inputs = {
        "run": compute_run_id(recipe, params, {**recipe.parameters, **params.model}, manifest),
        "tune": params.tune.model_dump(mode="json"),
    }
    return f"{recipe.name}-tuning-{storage.sha256_json(inputs)[:12]}"


def _concurrent(params: Params) -> int:
    """Trials that fit this Ray at once."""
    import ray

    cpus = params.train.workers * params.train.cpus_per_worker
    require_cpus(cpus, "each trial")
    return max(1, int(ray.cluster_resources().get("CPU", 0.0) / cpus + 1e-9))


def _tuner(study: Study, folder: str, concurrent: int, values: list[dict[str, Any]]) -> Any:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.basic_variant import BasicVariantGenerator

    settings, train = study.params.tune, study.params.train
    # The workers have the CPUs; Tune wants some resource for the trial itself.
    trainable = tune.with_resources(tune.with_parameters(run_trial, study=study), {"CPU": 0, _HEAD: 0.001})
    uri = storage.join(folder, study.name)
    if tune.Tuner.can_restore(uri):
        note("it was there before: finished trials count, the others go on (--fresh starts over)")
        return tune.Tuner.restore(uri, trainable)
    stops = ASHAScheduler(
        time_attr="epoch",
        max_t=train.epochs + 1,  # at this epoch Tune would end a trial before it has left its model
        grace_period=min(settings.grace_epochs, train.epochs),
        reduction_factor=settings.reduction,
    )
    return tune.Tuner(
        trainable,
        param_space={"values": tune.grid_search(values)},
        tune_config=tune.TuneConfig(
            metric=train.early_stopping.metric,
            mode="min" if train.early_stopping.smaller_is_better else "max",
            scheduler=stops,
            search_alg=BasicVariantGenerator(max_concurrent=concurrent),
        ),
        run_config=tune.RunConfig(name=study.name, storage_path=folder, verbose=0, callbacks=[Notes(len(values))]),
    )


def _tried(results: Any) -> dict[str, Mapping[str, Any]]:
    """What each trial was given, by its path. A result forgets it if the trial failed before it reported."""
    from ray import tune

    trials = tune.ExperimentAnalysis(results.experiment_path, storage_filesystem=results.filesystem).trials
    return {trial.path: trial.config["values"] for trial in trials}


def _trial(result: Any, values: Mapping[str, Any], params: Params) -> Trial:
    history = result.metrics_dataframe
    error = _first_words(result.error) if result.error else ""
    if history is None or params.train.early_stopping.metric not in history:
        return Trial(values, 0, None, error or "no epoch was validated")
    scores = list(history[params.train.early_stopping.metric])
    return Trial(values, int(history["epoch"].max()), _score(scores, params), error)


def _first_words(error: BaseException) -> str:
    failure = Failure.from_error(error)
    return failure.reason if failure.firelib_error is None else str(failure.firelib_error).splitlines()[0]


def _score(scores: Sequence[float], params: Params) -> float:
    settings = params.train.early_stopping
    if settings.patience is None or not settings.restore_best:
        return float(scores[-1])
    return float(min(scores) if settings.smaller_is_better else max(scores))


def _ranked(trials: Sequence[Trial], params: Params) -> list[Trial]:
    """The best first, those that failed last."""
    sign = 1 if params.train.early_stopping.smaller_is_better else -1
    return sorted(trials, key=lambda trial: (bool(trial.error), trial.score is None, sign * (trial.score or 0.0)))
