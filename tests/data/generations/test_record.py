"""Records are read as they were written, or not at all."""

import io
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.generations.record import Counts, Record, RecordedShard, from_bytes, read_record, to_bytes
from firelib.data.split import leakage
from firelib.data.split.leakage import Contents
from firelib.data.split.leakage_summary import ROWS
from firelib.data.split.position import HASH
from firelib.data.vocabularies.word_counts import WordFile
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.statistics import Moments

WORDS = WordFile(f"{'0' * 32}.words", (8, 2**40))
floats = st.floats(allow_nan=False)
moments = st.builds(
    Moments,
    count=st.integers(0, 2**60),
    missing=st.integers(0, 100),
    mean=floats,
    m2=floats,
    minimum=floats,
    maximum=floats,
    occurrences=st.none() | st.dictionaries(st.text(), st.integers(1, 2**40), max_size=4).map(Counter),
    most_words=st.just(math.inf) | st.integers(1, 10),
)
hashes = st.lists(st.integers(0, 2**64 - 1), max_size=4, unique=True).map(
    lambda each: np.array(sorted(each), np.uint64)
)


def shard(name: str = "train-0.tfrecord") -> Shard:
    return Shard(name=name, rows=2, bytes=40, xxh128="0" * 32)


def example(**changes: object) -> Record:
    hashes = np.array([1, 2**57, 2**64 - 1], np.uint64)
    contents = Contents({ROWS: hashes, "day": hashes[:1]}, {"day": (date(2013, 1, 1),) * 2}, np.array([1, 3, 2]))
    members = {
        "counts": Counts(9, Counter({"cancelled": 4}), Counter({"train": 5}), Counter({2**64 - 1: 5}), strays=True),
        "shards": (RecordedShard("train", shard(), {"x": Moments(2, 0, 0.1 + 0.2, 1e-300)}, {"x": WORDS}),),
        "set_aside": pa.table({"id": [1], "rejected_because": ["the key is there twice"], "tags": [["a", "b"]]}),
        "contents": {"train": replace(contents, counts=None), "test": contents},
        "stamps": {"train-0.tfrecord": 1_700_000_000_000_000_001},
        "sample": pa.table({"x": [0.5], HASH: pa.array([2**64 - 1], pa.uint64())}),
        "generation": "0" * 64,
    }
    return Record(**{**members, **changes})


def assert_same(actual: Record, expected: Record) -> None:
    for name in ("counts", "shards", "times", "stamps", "sample", "generation"):
        assert getattr(actual, name) == getattr(expected, name)
    assert actual.set_aside.equals(expected.set_aside)
    assert actual.contents.keys() == expected.contents.keys()
    for split, contents in expected.contents.items():
        assert actual.contents[split].times == contents.times
        assert actual.contents[split].hashes.keys() == contents.hashes.keys()
        pairs = [(actual.contents[split].hashes[name], each) for name, each in contents.hashes.items()]
        assert (actual.contents[split].counts is None) == (contents.counts is None)
        for read, written in [*pairs, (actual.contents[split].counts, contents.counts)]:
            assert np.asarray(read).dtype == np.asarray(written).dtype
            assert np.array_equal(read, written)


def test_a_record_is_read_as_it_was_written() -> None:
    record = example()
    assert to_bytes(record) == to_bytes(example())
    assert_same(from_bytes(to_bytes(record)), record)


@given(
    st.dictionaries(st.text(max_size=5), moments, max_size=3),
    st.dictionaries(st.just(ROWS) | st.text(max_size=5), hashes, max_size=3),
)
def test_numbers_and_words_are_exact(found: dict[str, Moments], sampled: dict[str, np.ndarray]) -> None:
    counts = np.ones(len(sampled[ROWS]), np.int64) if ROWS in sampled else None
    contents = Contents(dict(sampled), counts=counts)
    shards = (RecordedShard("train", shard(), found), RecordedShard("test", shard("test-0.tfrecord"), {}))
    record = example(shards=shards, contents={"train": contents} if sampled else {})
    assert_same(from_bytes(to_bytes(record)), record)


@pytest.mark.parametrize(
    "times",
    [
        (date(2013, 1, 1), date(2013, 12, 31)),
        (datetime(2013, 1, 1, 0, 0, 0, 1), datetime(2013, 1, 2)),
        (datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)),
        (time(1), time(2)),
        (1, 2**60),
        (0.1, 1e300),
    ],
)
def test_times_keep_their_type(times: tuple[object, object]) -> None:
    record = example(times=times)
    assert from_bytes(to_bytes(record)).times == times


def test_a_record_without_rows() -> None:
    record = Record(Counts(), (), pa.table({}))
    assert_same(from_bytes(to_bytes(record)), record)


def test_a_larger_dataset_reads_fewer_hashes() -> None:
    """With `_SAMPLE` times 100 other rows, the smallest hundredth of the hashes is in the sample."""
    record = example()
    file = io.BytesIO(to_bytes(record))
    few = read_record(file, others=100 * leakage._SAMPLE).contents["test"]
    assert few.hashes[ROWS].tolist() == [1, 2**57]
    assert few.counts is not None
    assert few.counts.tolist() == [1, 3]
    assert few.hashes["day"].tolist() == [1]
    assert_same(read_record(file), record)


def test_damage_is_noticed_wherever_it_is() -> None:
    content = to_bytes(example())
    for at in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[at] ^= 1
        try:
            read = from_bytes(bytes(damaged))
        except ValueError:
            continue
        assert_same(read, example())  # of names and times in the archive, a few bytes mean nothing
    directory = content.index(b"PK\1\2")
    for at in range(directory, len(content)):  # of a method of compression, this bit makes another one
        try:
            from_bytes(content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :])
        except ValueError:
            continue
    for size in (0, 1, len(content) // 2, len(content) - 1):
        with pytest.raises(ValueError, match="record"):
            from_bytes(content[:size])
