"""Progress of a study on the terminal."""

from collections.abc import Mapping
from typing import Any

from ray.tune import Callback

from firelib.console import note


class TrialLogger(Callback):  # type: ignore[misc]  # Ray ships no type information
    """Prints a line when a trial starts and when it ends.

    Args:
        trials: Number of trials of the study.
    """

    _started = 0  # a default for loggers that were pickled without it

    def __init__(self, trials: int) -> None:
        self._trials = trials

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002  Ray's signature
        """Print the trial's values."""
        self._started += 1
        note(f"trial {self._started} of {self._trials}: {format_values(trial.config['values'])}")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002  Ray's signature
        """Print the trial's last validation metrics."""
        metrics = {name: f"{value:.4f}" for name, value in trial.last_result.items() if name.startswith("val_")}
        note(f"  after epoch {trial.last_result.get('epoch', 0):.0f}: {format_values(metrics)}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002  Ray's signature
        """Print that the trial failed; the table at the end shows its error."""
        note("  failed")


def format_values(values: Mapping[str, Any]) -> str:
    """Format names and values on one line."""
    return "  ".join(f"{name}={value}" for name, value in values.items())
