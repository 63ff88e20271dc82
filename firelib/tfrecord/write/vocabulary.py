"""Which strings become a feature's vocabulary, and where they are stored: in the manifest, or in a file beside it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import xxhash

from firelib import storage
from firelib.recipe import Feature, FittedFeature
from firelib.recipe.vocabulary import StoredVocabulary

#: Most distinct values of a string without `max_length` and `max_words` that become its vocabulary; free text has more.
#: It is also the most that the manifest holds, which every worker reads.
MOST_INSIDE = 100_000
MOST_CHARACTERS = 4 << 20  # of all these values together
#: Most distinct values of a string with `max_length`, unless it declares `max_words`.
MOST_WORDS = 10_000_000
_CHUNK = 1 << 16  # words that are encoded at a time


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary of a feature.

    Attributes:
        words: The distinct strings, most frequent first, ties by value.
        cut: Number of distinct strings that are left out because of the cap.
    """

    words: tuple[str, ...] | StoredVocabulary
    cut: int = 0


def most_words(feature: Feature) -> int:
    """Most distinct strings that a feature's vocabulary may have."""
    if feature.max_words is not None:
        return feature.max_words
    return MOST_WORDS if feature.max_length else MOST_INSIDE


def may_be_free_text(feature: Feature) -> bool:
    """Whether a string with too many distinct values has no vocabulary, instead of its most frequent values."""
    return not (feature.max_length or feature.max_words)


def fits_inside(words: int, characters: int) -> bool:
    """Whether a vocabulary is small enough for the manifest.

    Args:
        words: Number of strings.
        characters: Their characters together.
    """
    return words <= MOST_INSIDE and characters <= MOST_CHARACTERS


def write_vocabulary(parts: Iterable[Sequence[str]], folder: str, index: int) -> StoredVocabulary:
    """Write a vocabulary's file: a JSON list, one word a line.

    Args:
        parts: The strings, most frequent first, in parts of any size.
        folder: URI of the folder of the manifest.
        index: Index of the feature, which names the file.

    Raises:
        FirelibError: The disk is full.
    """
    name = f"vocabulary-{index:05d}.json"
    uri = storage.join(folder, name)
    fs, path = storage.filesystem(uri)
    digest, count = xxhash.xxh3_128(), 0
    with storage.explain_storage(uri), fs.open(path, "wb") as file:
        for part in parts:
            for start in range(0, len(part), _CHUNK):
                lines = ",\n".join(json.dumps(word, ensure_ascii=False) for word in part[start : start + _CHUNK])
                content = f"{',' if count else '['}\n{lines}".encode()
                digest.update(content)
                file.write(content)
                count += len(part[start : start + _CHUNK])
        end = b"\n]\n" if count else b"[]\n"
        digest.update(end)
        file.write(end)
    return StoredVocabulary(name, count, digest.hexdigest(), folder)


def store_vocabularies(features: Sequence[FittedFeature], folder: str) -> list[FittedFeature]:
    """The features, with each vocabulary that is too large for the manifest in a file.

    Args:
        features: The fitted features of a dataset, in the order of its manifest.
        folder: URI of the folder of the manifest.

    Raises:
        FirelibError: The disk is full.
    """
    return [_store(feature, folder, index) for index, feature in enumerate(features)]


def _store(feature: FittedFeature, folder: str, index: int) -> FittedFeature:
    words = feature.vocabulary
    if isinstance(words, StoredVocabulary) or fits_inside(len(words), sum(map(len, words))):
        return feature
    return replace(feature, vocabulary=write_vocabulary([words], folder, index))
