"""The features of a dataset with their statistics on the training split, from the results of its shards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from firelib.console import note
from firelib.data.vocabularies.merge import are_few, merge_words
from firelib.data.vocabularies.word_counts import WordFile
from firelib.recipe import FittedFeature, Recipe
from firelib.tfrecord.write.statistics import Moments, fit_feature, merge_moments


class MeasuredShard(Protocol):
    """What is known about the values of a shard."""

    @property
    def split(self) -> str:
        """The split of its rows."""

    @property
    def moments(self) -> dict[str, Moments]:
        """Feature → moments, for shards of the training split; empty for others."""

    @property
    def words(self) -> Mapping[str, WordFile]:
        """Feature → file of its distinct strings, for features with too many of them for `moments`."""


def fit_features(
    recipe: Recipe, shards: Sequence[MeasuredShard], words: str, folder: str, scratch: str
) -> list[FittedFeature]:
    """The features with their statistics. Vocabularies too large for a manifest are written beside the shards.

    Args:
        recipe: Declares the features.
        shards: All shards, in their order.
        words: URI of the folder of the shards' files of words.
        folder: URI of the folder of the shards.
        scratch: URI of a folder for intermediate files.

    Raises:
        FirelibError: The disk is full, or memory does not suffice for a vocabulary.
    """
    train = [shard for shard in shards if shard.split == "train"]
    fitted = []
    for index, feature in enumerate(recipe.features):
        total = merge_moments(shard.moments[feature.name] for shard in train)
        files = [shard.words[feature.name].locate(words) for shard in train if feature.name in shard.words]
        if files or not are_few(total.occurrences or ()):
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
