"""A short description of a dataset, for notebooks and terminals."""

from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.manifest import Manifest

_MOST_COLUMNS = 12


def describe_dataset(folder: str, manifest: Manifest) -> str:
    """Describe a dataset in a few lines: its splits, its columns, and the statistics that it has.

    Args:
        folder: URI of the dataset's folder.
        manifest: The dataset's manifest.
    """
    splits = ", ".join(f"{name} {split.rows:,} rows" for name, split in manifest.splits.items())
    columns = [(fitted.feature, _describe_statistics(fitted)) for fitted in manifest.features]
    columns += [(manifest.label, "label")] if manifest.label else []
    shown = [f"  {feature.name}: {_describe_type(feature)}{note and f', {note}'}" for feature, note in columns]
    more = [f"  … {len(shown) - _MOST_COLUMNS} more columns"] if len(shown) > _MOST_COLUMNS else []
    return "\n".join([f"Dataset({folder!r}: {splits})", *shown[:_MOST_COLUMNS], *more])


def _describe_type(feature: Feature) -> str:
    return feature.dtype + (str(list(feature.shape)) if feature.shape else "[…]" if feature.ragged else "")


def _describe_statistics(fitted: FittedFeature) -> str:
    if not fitted.count:
        return ""
    missing = f", {fitted.missing:,} missing" if fitted.missing else ""
    if fitted.vocabulary:
        of_all = f" of {len(fitted.vocabulary) + fitted.cut_words:,}" if fitted.cut_words else ""
        return f"{len(fitted.vocabulary):,}{of_all} values{missing}"
    if fitted.minimum is None:
        return f"{fitted.count:,} values{missing}"
    return f"mean {fitted.mean:.4g}, std {fitted.std:.4g}, {fitted.minimum:.4g} to {fitted.maximum:.4g}{missing}"
