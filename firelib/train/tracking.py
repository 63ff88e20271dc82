"""Experiment tracking with Weights & Biases: one run, continued over restarts, written by rank 0 only."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from firelib.train.job import TrainingJob


class Tracker(Protocol):
    """Takes figures by step."""

    id: str | None

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def finish(self, summary: Mapping[str, Any]) -> None: ...


class NoTracker:
    """Keeps nothing."""

    id: str | None = None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def finish(self, summary: Mapping[str, Any]) -> None:
        pass


class WandbTracker:
    """A W&B run; without an API key it stays in a local folder (`wandb sync` sends it later)."""

    def __init__(self, job: TrainingJob, config: Mapping[str, Any], continued: str | None) -> None:
        import wandb

        Path(job.tracking_folder).mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        self._run = wandb.init(
            project=f"firelib-{job.recipe.name}",
            name=job.run_id,
            id=continued,  # None: W&B makes one
            resume="allow",
            dir=job.tracking_folder,
            mode=mode,  # type: ignore[arg-type]  # W&B checks what the user set
            config=dict(config),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.id: str | None = self._run.id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._run.summary.update(dict(summary))
        self._run.finish()


def start_tracker(job: TrainingJob, rank: int, config: Mapping[str, Any], continued: str | None) -> Tracker:
    """The tracker of this rank.

    Args:
        job: Says whether to track.
        rank: Ranks other than 0 track nothing.
        config: Shown beside the run.
        continued: Id of the run to go on with.
    """
    if rank != 0 or job.tracking == "none":
        return NoTracker()
    return WandbTracker(job, config, continued)
