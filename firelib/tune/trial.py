"""One trial in an actor of Ray Tune: a regular training that reports its epochs."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firelib.config import Environment, Params
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.train.driver.train_stage import TrainOptions, train_trial
from firelib.tune.space import apply_values

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Study:
    """The inputs that all trials of a study share.

    Attributes:
        name: Name of the study; W&B groups the trials by it.
        recipe: Builds the model.
        params: The parameters before a trial's values are applied.
        environment: Settings from `FIRELIB_*` variables.
        paths: Paths of the recipe's files.
    """

    name: str
    recipe: Recipe
    params: Params
    environment: Environment
    paths: Paths


def run_trial(config: Mapping[str, Any], study: Study) -> None:
    """Train with a trial's values and report the validation metrics of every epoch to Ray Tune.

    A run is identified by its parameters, so a trial that ran before resumes from its last checkpoint.

    Args:
        config: Its `values` map parameters to values.
        study: The inputs that all trials share.

    Raises:
        FirelibError: The training failed.
    """
    from ray.util.queue import Queue

    queue = Queue(actor_options={"num_cpus": 0})
    training = _Training(study, apply_values(study.params, config["values"]), queue)
    training.start()
    reported = 0
    while training.is_alive() or not queue.empty():
        reported = _report_next(queue, reported)
    if training.error is not None:
        raise training.error
    for metrics in training.validation:  # a run that had already finished puts nothing into the queue
        if metrics["epoch"] > reported:
            _report(metrics)


def _report_next(queue: Any, reported: int) -> int:
    """Report the next epoch in the queue, if there is one; return the last reported epoch."""
    from ray.util.queue import Empty

    try:
        metrics = queue.get(timeout=_POLL_SECONDS)
    except Empty:
        return reported
    _report(metrics)
    return int(metrics["epoch"])


def _report(metrics: Mapping[str, float]) -> None:
    from ray import tune

    tune.report(dict(metrics))


class _Training(threading.Thread):
    """Trains while the main thread reports; a daemon, so that the actor exits at once when Tune stops the trial."""

    def __init__(self, study: Study, params: Params, queue: Any) -> None:
        super().__init__(name="training", daemon=True)
        self._study, self._params = study, params
        self._options = TrainOptions(group=study.name, validations=queue)
        self.validation: list[dict[str, float]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Train, and keep the metrics or the error."""
        study = self._study
        try:
            progress = train_trial(study.recipe, self._params, study.environment, study.paths, self._options)
            self.validation = progress.validation
        except BaseException as error:  # noqa: BLE001  the main thread raises it, where Ray Tune handles it
            self.error = error
