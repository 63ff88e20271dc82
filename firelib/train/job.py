"""What a training worker needs to know, and the name of the run that it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firelib import storage
from firelib.config import Params
from firelib.recipe import Recipe, code_sha256
from firelib.tfrecord.manifest import Manifest


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
        tracking: `wandb` or `none`.
        tracking_folder: Where offline tracking is kept.
        live: Ray actor that takes progress, or None.
    """

    recipe: Recipe
    params: Params
    model_params: Mapping[str, Any]
    manifest: str
    run_id: str
    run_uri: str
    tracking: str
    tracking_folder: str
    live: Any = None

    @property
    def export_uri(self) -> str:
        return storage.join(self.run_uri, "export")


def run_id(recipe: Recipe, params: Params, model_params: Mapping[str, Any], manifest: Manifest) -> str:
    """A run's name: the same recipe, parameters and data are the same run, wherever and on however many workers.

    The recipe's code counts: weights that were trained under another `build_model` are no checkpoint of this one.
    """
    train = params.train.model_dump(mode="json", exclude={"workers", "cpus_per_worker"})
    identity = {
        "recipe": manifest.recipe,
        "code": code_sha256(recipe),
        "train": train,
        "model": dict(model_params),
        "data": manifest.sha256,
    }
    return f"{manifest.recipe}-{storage.sha256_json(identity)[:12]}"
