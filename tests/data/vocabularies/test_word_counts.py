"""Counts of words in files: merged in any tree, they are those of all words together."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.shuffle.block_files import BlockFile
from firelib.data.vocabularies.word_counts import COUNT, WORD, find_most_frequent, merge_counts, write_counts
from tests.examples import examples

SHARDS = st.lists(st.lists(st.text("abé", max_size=2), max_size=30), min_size=1, max_size=9)


def by_frequency(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def rows(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table[WORD].to_pylist(), table[COUNT].to_pylist(), strict=True))


def merge(files: Sequence[BlockFile], folder: str, fan_in: int) -> BlockFile:
    files, number = list(files), 0
    while len(files) > 1:
        number += 1
        merged = merge_counts(files[:fan_in], f"{folder}/merged{number}")
        files = [*files[fan_in:], merged]
    return files[0]


@examples(30)
@given(SHARDS, st.integers(2, 9), st.integers(1, 12))
def test_the_most_frequent_words_of_any_tree(shards: list[list[str]], fan_in: int, most: int) -> None:
    expected = by_frequency(sum(map(Counter, shards), Counter[str]()))
    with tempfile.TemporaryDirectory() as folder:
        files = [write_counts(Counter(words), f"{folder}/{index}") for index, words in enumerate(shards)]
        kept, distinct = find_most_frequent(merge(files, folder, fan_in), most)
    assert rows(kept) == expected[:most]
    assert distinct == len(expected)


def test_many_words_are_pruned_bucket_by_bucket(tmp_path: Path) -> None:
    counts = Counter({f"word {number}": 1 + number % 17 for number in range(5000)})
    kept, distinct = find_most_frequent(write_counts(counts, str(tmp_path / "counts")), 100)
    assert rows(kept) == by_frequency(counts)[:100]
    assert distinct == 5000


def test_equal_counts_give_equal_bytes(tmp_path: Path) -> None:
    """The order in which words were counted does not matter after a merge."""
    words = [f"w{number % 300}" for number in range(1000)]
    forward, backward = (
        merge_counts([write_counts(Counter(order), str(tmp_path / name))], str(tmp_path / f"merged {name}"))
        for order, name in ((words, "a"), (words[::-1], "b"))
    )
    assert Path(forward.uri).read_bytes() == Path(backward.uri).read_bytes()
