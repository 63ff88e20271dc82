"""What is trained: the specification of a run, and the run id that identifies it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config import Params
from firelib.recipe import Recipe, code_sha256
from firelib.tfrecord.format.manifest import Manifest

#: File of a run's folder that tells what it was trained on; `firelib data gc` keeps that.
INPUTS = "inputs.json"

#: Fields of section `train` that cannot change a result.
RESULT_NEUTRAL_FIELDS = {
    "workers",
    "min_workers",
    "cpus_per_worker",
    "device",
    "checkpoint",
    "hang_seconds",
    "start_seconds",
}


@dataclass(frozen=True)
class RunSpec:
    """What is trained, as it is sent to every worker. It stays the same over all attempts of a run.

    Attributes:
        recipe: Builds the model.
        params: Content of params.yaml.
        model_params: Arguments of `build_model`.
        manifest: URI of the dataset's manifest.
        run_id: Identifies the run.
        run_uri: Folder of the run's checkpoints and of the exported model.
        tracking: `wandb`, `tensorboard` or `none`.
        project: Folder of the project, which holds local tracking files.
        group: Name of the tuning that this run is a trial of, or None.
        lineage: Versions of the inputs, for the tracker.
        profile: Whether to record a profile of some steps.
        class_weights: Weight of class 0, 1, …, or None for equal weights.
        validations: Queue that receives the validation metrics of every epoch, or None.
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
    class_weights: tuple[float, ...] | None = None
    validations: Any = None

    @property
    def export_uri(self) -> str:
        """Folder that the workers export the model to."""
        return storage.join(self.run_uri, "export")

    @property
    def finished_uri(self) -> str:
        """File that exists once the run has finished and its model is exported."""
        return storage.join(self.run_uri, "finished.json")

    @property
    def inputs_uri(self) -> str:
        """File that tells what the run is trained on."""
        return storage.join(self.run_uri, INPUTS)

    @property
    def wandb_folder(self) -> str:
        """Folder of W&B's offline runs."""
        return str(Path(self.project, "wandb"))

    @property
    def tensorboard_folder(self) -> str:
        """Folder of event files: in the run's folder if it is local, else in the project.

        TensorFlow writes to few remote storages.
        """
        if storage.is_local(self.run_uri):
            return storage.join(self.run_uri, "tensorboard")
        return str(Path(self.project, "tensorboard", self.run_id))


def compute_run_id(recipe: Recipe, params: Params, model_params: Mapping[str, Any], manifest: Manifest) -> str:
    """Identify a run by a hash of the recipe's code, the parameters and the data.

    The recipe's code is part of the hash: weights that were trained with another `build_model` must not be resumed.

    Args:
        recipe: The recipe; its source file is hashed.
        params: Content of params.yaml; `RESULT_NEUTRAL_FIELDS` are not hashed.
        model_params: Arguments of `build_model`.
        manifest: The dataset's manifest, which holds the shards' hashes.

    Returns:
        The recipe's name, a dash, and 12 hexadecimal digits.
    """
    train = params.train.model_dump(mode="json", exclude=RESULT_NEUTRAL_FIELDS)
    identity = {
        "recipe": manifest.recipe,
        "code": code_sha256(recipe),
        "train": train,
        "model": dict(model_params),
        "data": manifest.sha256,
    }
    return f"{manifest.recipe}-{storage.sha256_json(identity)[:12]}"
