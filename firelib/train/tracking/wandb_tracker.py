"""Experiment tracking with Weights & Biases: one run, continued over restarts."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.train.export import KERAS, WEIGHTS
from firelib.train.run_spec import TrainingJob

_REACH_SECONDS = 30.0


class WandbTracker:
    """A W&B run; without an API key or a network it stays in a local folder (`wandb sync` sends it later).

    Its config holds parameters and lineage. At the end the dataset's manifest and the model become artifacts: the
    manifest itself, and a reference to the model's file, which stays where it is. System metrics are W&B's own.

    Args:
        job: Names project, run and group.
        continued: Id of the run to go on with, if any.
        say: Takes a line for the user.
    """

    def __init__(self, job: TrainingJob, continued: str | None, say: Callable[[str], None]) -> None:
        import wandb

        Path(job.tracking_folder).mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        try:
            self._run = _begin(job, continued, mode)
        except wandb.errors.Error as error:  # CommError, AuthenticationError, …
            if mode == "offline":
                raise
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            say(f"W&B cannot be reached ({reason}): this run is kept offline, wandb sync sends it later")
            self._run = _begin(job, continued, "offline")
        self._job = job
        self.id: str | None = self._run.id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def flush(self) -> None:
        """W&B's own process has what was logged."""

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:
        self._run.summary.update(dict(summary))
        if exported is not None:
            self._run.log_artifact(_dataset(self._job))
            self._run.log_artifact(_model(self._job, exported))
        self._run.finish()


def _begin(job: TrainingJob, continued: str | None, mode: str) -> Any:
    import wandb

    return wandb.init(
        project=f"firelib-{job.recipe.name}",
        group=job.group,
        name=job.run_id,
        id=continued,  # None: W&B makes one
        resume="allow",
        dir=job.tracking_folder,
        mode=mode,  # type: ignore[arg-type]  # W&B checks what the user set
        config={**job.params.model_dump(mode="json"), "lineage": dict(job.lineage)},
        settings=wandb.Settings(silent=True, console="off", init_timeout=_REACH_SECONDS),
    )


def _dataset(job: TrainingJob) -> Any:
    import wandb

    artifact = wandb.Artifact(f"{job.recipe.name}-dataset", "dataset", metadata={"uri": job.manifest})
    with artifact.new_file("manifest.json", "wb") as file:
        file.write(storage.read_bytes(job.manifest))
    return artifact


def _model(job: TrainingJob, exported: str) -> Any:
    import wandb

    metadata = {"run": job.run_id, **storage.read_json(storage.join(exported, WEIGHTS))}
    artifact = wandb.Artifact(f"{job.recipe.name}-model", "model", metadata=metadata)
    uri = storage.join(exported, KERAS)
    if storage.is_local(uri):
        artifact.add_reference(f"file://{uri}", name=KERAS)
    else:  # W&B would want the cloud's own package to look at it; weights.json has the hash
        artifact.add_reference(uri, name=KERAS, checksum=False)
    return artifact
