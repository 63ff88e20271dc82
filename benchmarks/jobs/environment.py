"""An environment: whether this machine has it, and how it runs the training once."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.jobs.lab import Lab
from benchmarks.jobs.observed_command import Observed
from firelib.gcp.pricing import Price


@dataclass(frozen=True)
class Figures:
    """The figures of one run.

    Attributes:
        rows_per_second: Rate of the training steps over all workers, without start-up and the first, compiling call.
        first_step_seconds: Seconds from the command to the line that shows the first step.
        control_cpu_seconds: CPU-seconds of all processes of the whole job but the training workers.
    """

    rows_per_second: float
    first_step_seconds: float
    control_cpu_seconds: float


#: Runs the training once.
Run = Callable[[], Figures]


def nothing_missing() -> str | None:
    """Return None: every machine has this environment."""
    return None


@dataclass(frozen=True)
class Environment:
    """Where a job runs.

    Attributes:
        name: Its name in the report.
        settings: How the job runs there, for the report.
        set_up: Prepares it for the duration of a block, outside of all timers, and yields what runs the training.
        find_obstacle: Returns why this machine cannot run it, or None.
        is_elsewhere: Whether it is no part of this machine, and its owner may bill each run.
        find_price: Returns the price of its machines, where somebody bills them and it is known.
    """

    name: str
    settings: str
    set_up: Callable[[Lab], AbstractContextManager[Run]]
    find_obstacle: Callable[[], str | None] = nothing_missing
    is_elsewhere: bool = False
    find_price: Callable[[int], Price | None] = lambda _: None


def read_figures(observed: Observed, project: Path) -> Figures:
    """Combine what was seen of a command with the training's own metrics.

    Args:
        observed: The command.
        project: The project into which it has published the model.
    """
    timing = json.loads((project / "models" / "flights" / "timing.json").read_text())
    return Figures(timing["rows_per_second"], observed.first_step_seconds, observed.cpu.others)
