"""Early stopping: keep track of the best epoch, and decide whether to stop."""

from math import inf, isfinite

from firelib.config import EarlyStopping
from firelib.errors import FirelibError, did_you_mean
from firelib.train.checkpoint.state import BestEpoch, TrainingProgress


def update_best_epoch(progress: TrainingProgress, settings: EarlyStopping) -> None:
    """Compare the latest epoch with the best one; set `progress.best` and `progress.stopped_early`.

    Args:
        progress: Progress of the run; its latest validation metrics are compared.
        settings: Section `train.early_stopping`.

    Raises:
        FirelibError: The metric does not exist.
    """
    metrics = progress.validation[-1]
    if settings.metric not in metrics:
        known = [name for name in metrics if name != "epoch"]
        raise FirelibError(
            f"unknown metric {settings.metric!r}",
            where="params.yaml: train.early_stopping.metric",
            remedy=did_you_mean(settings.metric, known),
        )
    value, best = metrics[settings.metric], progress.best
    gain = (best.value - value if settings.smaller_is_better else value - best.value) if best else inf
    if gain > settings.minimum_change and isfinite(value):
        progress.best = best = BestEpoch(value, progress.epoch, progress.step)
    if settings.patience is not None and best and progress.epoch - best.epoch >= settings.patience:
        progress.stopped_early = True
