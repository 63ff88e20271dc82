"""What a training worker needs to know, and the name of the run that it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config import Params
from firelib.recipe import Recipe, code_sha256
from firelib.tfrecord.format.manifest import Manifest

#: Fields of section `train` that cannot change a result.
NO_RESULT = {"workers", "min_workers", "cpus_per_worker", "device", "checkpoint", "hang_seconds", "start_seconds"}


@dataclass(frozen=True)
class TrainingJob:
    """One training run, as it is sent to the workers.

    Attributes:
        recipe: Gives the model.
        params: params.yaml.
        model_params: What `build_model` gets.
        manifest: URI of the dataset's manifest.
        run_id: Name of the run.
        run_uri: Where the run keeps checkpoints and what it exports.
        tracking: `wandb`, `tensorboard` or `none`.
        project: Folder of the project, for what is kept beside the run.
        group: Name of the tuning that this run is a trial of, or None.
        lineage: What the run is made from, for the tracker.
        profile: Whether to leave a profile of some steps.
        live: Ray actor that takes progress and signs of life.
        started: When the driver began to start workers, in seconds of `time.time`.
        resume: Step of the checkpoint to go on from, or None.
        class_weights: Weight of class 0, 1, …, or None.
        on_gpu: Whether each worker has a GPU.
        restarts: How often workers were lost before this start, and what that cost, for the tracker.
        validations: Queue that takes the metrics of every epoch, or None.
    """

    recipe: Recipe
    params: Params
    model_params: Mapping[str, Any]
    manifest: str
    run_id: str
    run_uri: str
    tracking: str
    project: str
    group: str | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)
    profile: bool = False
    live: Any = None
    started: float = 0.0
    resume: int | None = None
    class_weights: tuple[float, ...] | None = None
    on_gpu: bool = False
    restarts: Mapping[str, float] = field(default_factory=dict)
    validations: Any = None

    @property
    def export_uri(self) -> str:
        return storage.join(self.run_uri, "export")

    @property
    def tracking_folder(self) -> str:
        """Where W&B keeps offline runs."""
        return str(Path(self.project, "wandb"))

    @property
    def tensorboard_folder(self) -> str:
        """The run's, if that is local; else the project's, since TensorFlow writes to few remote storages."""
        if storage.is_local(self.run_uri):
            return storage.join(self.run_uri, "tensorboard")
        return str(Path(self.project, "tensorboard", self.run_id))

    @property
    def finished_uri(self) -> str:
        """A file that is there when the run is at its end and its model exported."""
        return storage.join(self.run_uri, "finished.json")


def run_id(recipe: Recipe, params: Params, model_params: Mapping[str, Any], manifest: Manifest) -> str:
    """A run's name: the same recipe, parameters and data are the same run, wherever and on however many workers.

    The recipe's code counts: weights that were trained under another `build_model` are no checkpoint of this one.
    """
    train = params.train.model_dump(mode="json", exclude=NO_RESULT)
    identity = {
        "recipe": manifest.recipe,
        "code": code_sha256(recipe),
        "train": train,
        "model": dict(model_params),
        "data": manifest.sha256,
    }
    return f"{manifest.recipe}-{storage.sha256_json(identity)[:12]}"
