"""Call the recipe's `build_model`."""

from firelib.errors import FirelibError
from firelib.recipe import recipe_file
from firelib.recipe.locations import error_line
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.keras_types import Model
from firelib.train.model.sequential import name_inputs
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
        model: Model = name_inputs(spec.recipe.build_model(manifest.fitted, spec.model_params), manifest.fitted)
    except Exception as error:  # the recipe is the user's code: report any error of it, do not restart
        if is_peer_loss(error):
            raise
        raise FirelibError(
            f"build_model failed: {type(error).__name__}: {error}",
            where=_locate(error, spec),
            remedy="correct the recipe or section `model` of params.yaml",
        ) from error
    return model


def _locate(error: Exception, spec: RunSpec) -> str:
    """The line of the recipe that failed, and what it was given."""
    file = recipe_file(spec.recipe)
    line = file and error_line(error, file)
    return f"{file}, line {line}; {describe_recipe(spec)}" if line else describe_recipe(spec)


def describe_recipe(spec: RunSpec) -> str:
    """The recipe and its model parameters, for errors."""
    return f"recipe {spec.recipe.name!r}, model parameters {dict(spec.model_params)}"
