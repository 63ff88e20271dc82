"""Merge the words of all shards: a few of them in this process, many of them in a tree of tasks."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dask
import pyarrow.compute as pc

from firelib import storage
from firelib.data.dask_on_ray import compute
from firelib.data.generations.shard_store import publish_file, work_folder
from firelib.data.scratch import scratch_file
from firelib.data.shuffle.block_files import BlockFile
from firelib.data.vocabularies.word_counts import (
    WORD,
    WordFile,
    find_most_frequent,
    merge_counts,
    store_counts,
    write_counts,
)
from firelib.recipe import Feature
from firelib.recipe.vocabulary import StoredVocabulary
from firelib.tfrecord.write.statistics import Moments
from firelib.tfrecord.write.vocabulary import Vocabulary, fits_inside, may_be_free_text, most_words, write_vocabulary

#: Words of a shard that its task returns; more go through a file, so that this process does not hold them.
FEW_WORDS, _FEW_CHARACTERS = 4096, 1 << 18
_FAN_IN = 8  # files that a task merges


def are_few(words: Collection[str]) -> bool:
    """Whether a process may hold the words of all shards.

    Args:
        words: The distinct words of a shard.
    """
    return len(words) <= FEW_WORDS and sum(map(len, words)) <= _FEW_CHARACTERS


def store_words(moments: Mapping[str, Moments], folder: str) -> tuple[dict[str, Moments], dict[str, WordFile]]:
    """Move the words of features that have many of them from a shard's moments into files.

    Args:
        moments: Feature → moments of its values in a shard.
        folder: URI of the folder of the files, which all workers can read.

    Returns:
        The moments, without these words; and feature → the file of its words.

    Raises:
        FirelibError: The disk is full.
    """
    small, files = dict(moments), {}
    for name, each in moments.items():
        if each.occurrences is not None and not are_few(each.occurrences):
            files[name] = store_counts(each.occurrences, folder)
            small[name] = replace(each, occurrences=Counter())
    return small, files


def merge_words(
    feature: Feature, total: Moments, files: Sequence[BlockFile], index: int, folder: str, scratch: str
) -> Vocabulary:
    """The vocabulary of a feature. Ray must be connected.

    The tree adds integers, so the result does not depend on its shape, on the shards, or on the order of tasks.

    Args:
        feature: The declaration.
        total: Merged moments of all shards, with the words of those that have few of them.
        files: The words of the other shards.
        index: Index of the feature, which names the vocabulary's file.
        folder: URI of the folder of the manifest.
        scratch: URI of a folder for intermediate files.

    Raises:
        FirelibError: The disk is full, or memory does not suffice.
    """
    if total.occurrences is None:  # free text
        return Vocabulary(())
    files = [*files, write_counts(total.occurrences, scratch_file(scratch))]
    label = f"merge the words of {feature.name!r}"
    while len(files) > 1:
        groups = [files[start : start + _FAN_IN] for start in range(0, len(files), _FAN_IN)]
        files = compute([_merge(group, scratch_file(scratch)) for group in groups], label)
    vocabulary: Vocabulary
    (vocabulary,) = compute([_finish(files[0], feature, index, folder)], label)
    return vocabulary


def _merge(files: Sequence[BlockFile], uri: str) -> Any:
    return dask.delayed(merge_counts, pure=False)(files, uri)


def _finish(file: BlockFile, feature: Feature, index: int, folder: str) -> Any:
    return dask.delayed(choose_words, pure=False)(file, feature, index, folder)


def choose_words(file: BlockFile, feature: Feature, index: int, folder: str) -> Vocabulary:
    """The vocabulary of a feature, from all its distinct words.

    Args:
        file: The distinct words and their occurrences.
        feature: The declaration.
        index: Index of the feature, which names the vocabulary's file.
        folder: URI of the folder of the manifest.

    Raises:
        FirelibError: The disk is full.
    """
    most = most_words(feature)
    counts, distinct = find_most_frequent(file, most)
    words = counts[WORD]
    is_small = fits_inside(len(words), _count_characters(words.chunks))
    if may_be_free_text(feature) and not (is_small and distinct <= most):
        return Vocabulary(())
    if is_small:
        return Vocabulary(tuple(words.to_pylist()), distinct - len(words))
    parts = (batch[WORD].to_pylist() for batch in counts.to_batches(max_chunksize=1 << 16))
    return Vocabulary(_publish(parts, index, folder), distinct - len(words))


def _publish(parts: Iterable[Sequence[str]], index: int, folder: str) -> StoredVocabulary:
    """Write a vocabulary's file. Datasets share the folder of their shards, so its content is part of its name."""
    with storage.explain_storage(folder), work_folder(folder) as work:
        written = write_vocabulary(parts, str(work), index)
        name = written.file.replace(".json", f"-{written.xxh128}.json")
        publish_file(work / written.file, folder, name, written.xxh128)
    return replace(written, file=name, folder=folder)


def _count_characters(chunks: Iterable[Any]) -> int:
    return sum(pc.sum(pc.utf8_length(chunk)).as_py() or 0 for chunk in chunks)
