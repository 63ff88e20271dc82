"""One trial, as it runs in an actor of Ray Tune: a training like any other, whose epochs are reported."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firelib.config import Environment, Params
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.train.driver.train_stage import TrainOptions, train_trial
from firelib.tune.space import applied

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Study:
    """What all trials of a tuning share.

    Attributes:
        name: Of the tuning; W&B groups its trials by it.
    """

    name: str
    recipe: Recipe
    params: Params
    environment: Environment
    paths: Paths


def run_trial(config: Mapping[str, Any], study: Study) -> None:
    """Train with `config["values"]`, and report the validation metrics of every epoch to Ray Tune.

    A trial that ran before goes on from its last checkpoint, since its run is named by its parameters.
    """
    from ray.util.queue import Queue

    queue = Queue(actor_options={"num_cpus": 0})
    training = _Training(study, applied(study.params, config["values"]), queue)
    training.start()
    told = 0
    while training.is_alive() or not queue.empty():
        told = _report_next(queue, told)
    if training.error is not None:
        raise training.error
    for metrics in training.validation:  # of a run that was at its end before
        if metrics["epoch"] > told:
            _report(metrics)


def _report_next(queue: Any, told: int) -> int:
    from ray.util.queue import Empty

    try:
        metrics = queue.get(timeout=_LOOK_SECONDS)
    except Empty:
        return told
    _report(metrics)
    return int(metrics["epoch"])


def _report(metrics: Mapping[str, float]) -> None:
    from ray import tune

    tune.report(dict(metrics))


class _Training(threading.Thread):
    """The training, beside the thread that reports; a daemon, so that a trial that is stopped ends at once."""

    def __init__(self, study: Study, params: Params, queue: Any) -> None:
        super().__init__(name="training", daemon=True)
        self._study, self._params = study, params
        self._options = TrainOptions(group=study.name, validations=queue)
        self.validation: list[dict[str, float]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        study = self._study
        try:
            progress = train_trial(study.recipe, self._params, study.environment, study.paths, self._options)
            self.validation = progress.validation
        except BaseException as error:  # noqa: BLE001  raised where Ray Tune sees it
            self.error = error
