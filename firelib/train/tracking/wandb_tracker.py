"""Experiment tracking with Weights & Biases: one W&B run, which restarts continue."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.train.export import KERAS, WEIGHTS
from firelib.train.run_spec import RunSpec
from firelib.train.tracking.wandb_runs import find_last_step, mark_empty_files

_CONNECT_SECONDS = 30.0


class WandbTracker:
    """A W&B run. Without an API key or a network it is written to a local folder, which `wandb sync` uploads later.

    The run's config holds parameters and lineage. At the end, the dataset's manifest becomes an artifact, and so does
    a reference to the model's file, which is not copied. W&B records system metrics by itself.

    Args:
        spec: The run; names project, W&B run and group.
        resumed_id: Id of the W&B run to continue, or None to start one.
        note: Shows a line to the user.

    Attributes:
        id: Id of the W&B run.
        last_step: The last step that W&B holds of the run that is continued: its server, or offline the files in this
            project. None where these are on another machine.
    """

    def __init__(self, spec: RunSpec, resumed_id: str | None, note: Callable[[str], None]) -> None:
        import wandb

        Path(spec.wandb_folder).mkdir(parents=True, exist_ok=True)
        stored = None
        if resumed_id:  # before this attempt has a file
            stored = find_last_step(Path(spec.project), resumed_id)
            mark_empty_files(Path(spec.project), resumed_id)
        mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        try:
            self._run = _start_run(spec, resumed_id, mode)
        except wandb.errors.Error as error:  # CommError, AuthenticationError, …
            if mode == "offline":
                raise
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            note(f"cannot reach W&B ({reason}): tracking this run offline; wandb sync uploads it later")
            self._run = _start_run(spec, resumed_id, "offline")
        self._spec = spec
        self.id: str | None = self._run.id
        self.last_step: int | None = stored
        if resumed_id and not self._run.offline:
            self.last_step = max(0, self._run.step - 1) if self._run.resumed else 0  # `step` is the next one

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the figures of one step.

        Args:
            step: The step, counted from 1.
            values: Name → figure.
        """
        self._run.log(dict(values), step=step)

    def flush(self) -> None:
        """Do nothing: W&B's own process writes what was logged, and `last_step` tells what a kill has lost of it."""

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:
        """Write the summary and the artifacts, and end the W&B run.

        Args:
            summary: Figures of the whole run.
            exported: URI of the exported model if the run has finished, else None.
        """
        self._run.summary.update(dict(summary))
        if exported is not None:
            self._run.log_artifact(_build_dataset_artifact(self._spec))
            self._run.log_artifact(_build_model_artifact(self._spec, exported))
        self._run.finish()


def _start_run(spec: RunSpec, resumed_id: str | None, mode: str) -> Any:
    import wandb

    return wandb.init(
        project=f"firelib-{spec.recipe.name}",
        group=spec.group,
        name=spec.run_id,
        id=resumed_id,  # None: W&B creates one
        resume="allow",
        dir=spec.wandb_folder,
        mode=mode,  # type: ignore[arg-type]  # W&B validates the user's value
        config={**spec.params.model_dump(mode="json"), "lineage": dict(spec.lineage)},
        settings=wandb.Settings(silent=True, console="off", init_timeout=_CONNECT_SECONDS),
    )


def _build_dataset_artifact(spec: RunSpec) -> Any:
    import wandb

    artifact = wandb.Artifact(f"{spec.recipe.name}-dataset", "dataset", metadata={"uri": spec.manifest})
    with artifact.new_file("manifest.json", "wb") as file:
        file.write(storage.read_bytes(spec.manifest))
    return artifact


def _build_model_artifact(spec: RunSpec, exported: str) -> Any:
    import wandb

    metadata = {"run": spec.run_id, **storage.read_json(storage.join(exported, WEIGHTS))}
    artifact = wandb.Artifact(f"{spec.recipe.name}-model", "model", metadata=metadata)
    uri = storage.join(exported, KERAS)
    if storage.is_local(uri):
        artifact.add_reference(f"file://{uri}", name=KERAS)
    else:  # for a checksum W&B would need the cloud's own package; weights.json holds the hash
        artifact.add_reference(uri, name=KERAS, checksum=False)
    return artifact
