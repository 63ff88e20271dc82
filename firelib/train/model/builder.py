"""Call the recipe's `build_model`."""

from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.keras_types import Model
from firelib.train.peer_loss import is_peer_loss
from firelib.train.run_spec import RunSpec


def build_model(spec: RunSpec, manifest: Manifest) -> Model:
    """Call the recipe's `build_model`. `check_model` says whether firelib can train the result.

    Args:
        spec: The run; names the recipe and its model parameters.
        manifest: The dataset; holds the features.

    Raises:
        FirelibError: `build_model` fails.
    """
    try:
        model: Model = spec.recipe.build_model(manifest.fitted, spec.model_params)
    except Exception as error:  # the recipe is the user's code: report any error of it, do not restart
        if is_peer_loss(error):
            raise
        raise FirelibError(
            f"build_model failed: {type(error).__name__}: {error}",
            where=describe_recipe(spec),
            remedy="correct the recipe or section `model` of params.yaml",
        ) from error
    return model


def describe_recipe(spec: RunSpec) -> str:
    """The recipe and its model parameters, for errors."""
    return f"recipe {spec.recipe.name!r}, model parameters {dict(spec.model_params)}"
