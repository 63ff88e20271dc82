"""The description of a dataset that consists of the rows that were checked, or that has statistics but no rows."""

from collections import Counter
from collections.abc import Sequence

from firelib import storage
from firelib.check.configuration import Configuration
from firelib.check.rows import CheckedRows
from firelib.config import model_params
from firelib.recipe import Feature, FittedFeature, Recipe
from firelib.tfrecord.format.arrow_columns import to_column
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.write.statistics import Moments, compute_moments, fit_feature
from firelib.train.run_spec import RunSpec


def fit_sample(checked: CheckedRows, recipe: Recipe) -> Manifest:
    """A manifest whose statistics are those of the rows that were checked.

    Args:
        checked: The rows, some of them valid.
        recipe: Declares features, label and key.
    """
    assert checked.valid is not None
    table = checked.valid
    columns = [(feature, to_column(table, feature)) for feature in recipe.features]
    fitted = [fit_feature(feature, compute_moments(column, feature)) for feature, column in columns]
    return _describe(fitted, table.num_rows, recipe)


def fit_declarations(recipe: Recipe) -> Manifest:
    """A manifest with statistics that the declarations allow: of two rows that are made up.

    Args:
        recipe: Declares features, label and key.
    """
    return _describe([fit_feature(feature, _make_moments(feature)) for feature in recipe.features], 2, recipe)


def _make_moments(feature: Feature) -> Moments:
    if feature.dtype in ("string", "bytes"):
        return Moments(2, occurrences=Counter("ab"))
    low, high = feature.range or (0, 1)
    return Moments(2, mean=(low + high) / 2, m2=(high - low) ** 2 / 2, minimum=low, maximum=high)


def _describe(fitted: Sequence[FittedFeature], rows: int, recipe: Recipe) -> Manifest:
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
