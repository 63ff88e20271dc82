"""Check a model before the first step: everything that firelib cannot train, save or score is refused at once."""

from collections.abc import Iterator

from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.keras_types import Model
from firelib.train.model.builder import describe_recipe
from firelib.train.model.compile_checks import check_compiled
from firelib.train.model.layer_checks import check_layers
from firelib.train.model.refusal import Refusal, raise_refusals
from firelib.train.model.structure_checks import check_inputs, check_structure
from firelib.train.run_spec import RunSpec


def check_model(model: Model, spec: RunSpec, manifest: Manifest, world_size: int) -> None:
    """Refuse a model that training would ignore parts of, or that evaluation could not use.

    Args:
        model: What `build_model` returned, outside of any distribution strategy.
        spec: The run.
        manifest: The dataset.
        world_size: Number of workers of this attempt; a later one may have up to `train.workers`.

    Raises:
        FirelibError: Parts of the model are not supported; all of them are named. Or the dataset has no label.
    """
    if manifest.label is None:
        raise FirelibError(
            "the dataset has no label",
            where=spec.manifest,
            remedy="declare `label` in the recipe, then run firelib transform",
        )
    workers = max(world_size, spec.params.train.workers)
    raise_refusals(list(find_refusals(model, spec, manifest, workers)), describe_recipe(spec))


def find_refusals(model: Model, spec: RunSpec, manifest: Manifest, workers: int) -> Iterator[Refusal]:
    """Find the parts of a model that firelib cannot train, save or score.

    Args:
        model: What `build_model` returned.
        spec: The run.
        manifest: The dataset, which has a label.
        workers: Most workers that the run may have.
    """
    assert manifest.label
    structure = list(check_structure(model))
    yield from structure
    if not hasattr(model, "_flatten_layers"):
        return
    is_functional = hasattr(model, "input") and hasattr(model, "outputs")
    if is_functional:
        yield from check_inputs(model, {name: fitted.feature for name, fitted in manifest.fitted.items()})
    yield from check_compiled(model, manifest.label, spec.class_weights is not None, is_functional)
    yield from check_layers(model, workers, is_whole=is_functional and not structure)
