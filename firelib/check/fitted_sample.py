"""The description of a dataset that consists of the rows that were checked."""

from firelib import storage
from firelib.check.configuration import Configuration
from firelib.check.rows import CheckedRows
from firelib.config import model_params
from firelib.recipe import FittedFeature, Recipe
from firelib.tfrecord.format.arrow_columns import to_column
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.write.statistics import compute_moments, fit_feature
from firelib.train.run_spec import RunSpec


def fit_sample(checked: CheckedRows, recipe: Recipe) -> Manifest:
    """A manifest whose statistics are those of the rows that were checked.

    Args:
        checked: The rows, some of them valid.
        recipe: Declares features, label and key.
    """
    assert checked.valid is not None
    rows, table = checked.valid.num_rows, checked.valid
    fitted: list[FittedFeature] = [
        fit_feature(feature, compute_moments(to_column(table, feature), feature)) for feature in recipe.features
    ]
    shard = Shard(name="sample.tfrecord", rows=rows, bytes=0, xxh128="0" * 32)
    return Manifest(
        recipe=recipe.name,
        features=tuple(fitted),
        label=recipe.label,
        key=tuple(recipe.key),
        record_bytes=None,
        splits={"train": Split(rows=rows, shards=(shard,))},
        tables={},
        quality={},
    )


def describe_run(recipe: Recipe, configuration: Configuration) -> RunSpec:
    """The specification of a run that trains on no dataset.

    Args:
        recipe: Builds the model.
        configuration: Valid parameters.
    """
    assert configuration.params
    params = configuration.params
    weights = None if params.train.class_weights is None else (1.0,)
    return RunSpec(
        recipe=recipe,
        params=params,
        model_params=model_params(recipe.parameters, params),
        manifest="the rows that were checked",
        run_id="check",
        run_uri=storage.absolute("check"),
        tracking="none",
        project=str(configuration.file.parent),
        class_weights=weights,
    )
