"""The features of a dataset with their statistics on the training split, from the results of its shards."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from firelib.console import note
from firelib.data.shard_gather import GatheredShard
from firelib.data.vocabularies.merge import FEW_WORDS, merge_words
from firelib.recipe import FittedFeature, Recipe
from firelib.tfrecord.write.statistics import fit_feature, merge_moments


def fit_features(recipe: Recipe, shards: Sequence[GatheredShard], folder: str, scratch: str) -> list[FittedFeature]:
    """The features with their statistics. Vocabularies too large for a manifest are written into the dataset's folder.

    Args:
        recipe: Declares the features.
        shards: Results of the second pass, in the order of the shards.
        folder: URI of the dataset's folder.
        scratch: URI of a folder for intermediate files.

    Raises:
        FirelibError: The disk is full, or memory does not suffice for a vocabulary.
    """
    train = [shard for shard in shards if shard.split == "train"]
    fitted = []
    for index, feature in enumerate(recipe.features):
        total = merge_moments(shard.moments[feature.name] for shard in train)
        files = [shard.words[feature.name] for shard in train if feature.name in shard.words]
        if files or len(total.occurrences or ()) > FEW_WORDS:
            vocabulary = merge_words(feature, total, files, index, folder, scratch)
            plain = fit_feature(feature, replace(total, occurrences=None))
            fitted.append(replace(plain, vocabulary=vocabulary.words, cut_words=vocabulary.cut))
        else:
            fitted.append(fit_feature(feature, total))
    return fitted


def report_cut_words(features: Iterable[FittedFeature]) -> None:
    """Say which vocabularies lack strings because of their cap.

    Args:
        features: The fitted features.
    """
    for feature in features:
        if feature.cut_words:
            kept = len(feature.vocabulary)
            note(
                f"  {feature.name}: the vocabulary has the {kept:,} most frequent of {kept + feature.cut_words:,} "
                f"strings; models take the others for unknown (Feature.max_words)"
            )
