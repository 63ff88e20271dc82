"""Which epoch is the best so far, and whether it is time to end."""

from math import isfinite

from firelib.config import EarlyStopping
from firelib.errors import FirelibError, did_you_mean
from firelib.train.checkpoint.state import Best, TrainingProgress


def judge(progress: TrainingProgress, settings: EarlyStopping) -> None:
    """Take the epoch that has just ended into `best` and `stopped_early`.

    Raises:
        FirelibError: There is no such metric.
    """
    metrics = progress.validation[-1]
    if settings.metric not in metrics:
        known = [name for name in metrics if name != "epoch"]
        raise FirelibError(
            f"there is no metric {settings.metric!r}",
            where="params.yaml: train.early_stopping.metric",
            remedy=did_you_mean(settings.metric, known),
        )
    value, best = metrics[settings.metric], progress.best
    gain = (best.value - value if settings.smaller_is_better else value - best.value) if best else float("inf")
    if gain > settings.minimum_change and isfinite(value):
        progress.best = best = Best(value, progress.epoch, progress.step)
    if settings.patience is not None and best and progress.epoch - best.epoch >= settings.patience:
        progress.stopped_early = True
