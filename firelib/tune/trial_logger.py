"""Lines about trials as they begin and end."""

from typing import Any

from ray.tune import Callback

from firelib.console import note


class Notes(Callback):  # type: ignore[misc]
    """Says which trial begins, and how each ends.

    Args:
        trials: How many there will be.
    """

    def __init__(self, trials: int) -> None:
        self._trials, self._begun = trials, 0

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002
        self._begun += 1
        note(f"trial {self._begun} of {self._trials}: {shown(trial.config['values'])}")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002
        figures = {name: f"{value:.4f}" for name, value in trial.last_result.items() if name.startswith("val_")}
        note(f"  after epoch {trial.last_result.get('epoch', 0):.0f}: {shown(figures)}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002
        note("  it failed")


def shown(values: dict[str, Any]) -> str:
    """Names and values on a line."""
    return "  ".join(f"{name}={value}" for name, value in values.items())
