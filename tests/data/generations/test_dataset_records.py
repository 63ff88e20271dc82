"""The records of a dataset hold what the samples of the dataset need, however many generations there are."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from firelib.data.generations.dataset_records import DatasetRecords
from firelib.data.generations.record import Counts, Record
from firelib.data.generations.spans.span import Span
from firelib.data.quality.trained_sample import merge_samples
from firelib.data.split import leakage
from firelib.data.split.leakage import Contents, merge_contents, restrict, sample_limit
from firelib.data.split.leakage_summary import ROWS
from firelib.data.split.position import HASH, HASH_SPACE
from firelib.data.versions import feature_sample
from tests.recipes.tiny import Tiny

DAILY, GENERATIONS, SAMPLE = 200, 30, 100  # rows of a generation, generations, rows of a sample


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """Generations of which each is larger than the samples."""
    monkeypatch.setattr(leakage, "_SAMPLE", SAMPLE)
    monkeypatch.setattr(feature_sample, "_SAMPLE", SAMPLE)
    random = np.random.default_rng(0)
    return [make_record(np.sort(random.integers(0, HASH_SPACE, DAILY, np.uint64))) for _ in range(GENERATIONS)]


def make_record(hashes: np.ndarray) -> Record:
    """A record with the samples of its own generation."""
    kept = hashes[hashes < np.uint64(sample_limit(DAILY))]
    contents = Contents({ROWS: kept}, {"day": (1, 2)}, np.ones(len(kept), np.int64))
    sample = pa.table({"x": np.arange(len(kept)), HASH: kept})
    return Record(Counts(DAILY, splits=Counter(test=DAILY)), (), pa.table({}), {"test": contents}, sample=sample)


def collect(records: list[Record]) -> list[Record]:
    collected = DatasetRecords(Tiny())
    missing = [*range(len(records))]
    for index in [*range(1, len(records)), 0]:  # in any order
        collected.add(Span(index), records[index])
        missing.remove(index)
        assert collected.find_missing(len(records)) == missing
    return collected.list_records()


def test_the_samples_of_the_dataset_are_the_same(records: list[Record]) -> None:
    limit, rows = sample_limit(GENERATIONS * DAILY), GENERATIONS * DAILY
    samples = [merge_samples([each.sample for each in some], Tiny(), rows) for some in (records, collect(records))]
    assert samples[0] == samples[1]
    assert samples[0]
    assert SAMPLE / 2 < samples[0].num_rows < SAMPLE * 2
    merged = [
        merge_contents([restrict(each.contents["test"], limit) for each in some])
        for some in (records, collect(records))
    ]
    assert np.array_equal(merged[0].hashes[ROWS], merged[1].hashes[ROWS])
    assert np.array_equal(merged[0].counts, merged[1].counts)
    assert merged[0].times == merged[1].times == {"day": (1, 2)}


def test_memory_does_not_grow_with_the_number_of_generations(records: list[Record]) -> None:
    """Of n generations, the samples have the harmonic number of n times the rows of one sample; here 4 times."""
    collected = collect(records)
    arrays = [each.contents["test"].hashes[ROWS] for each in collected]
    held = [(array if array.base is None else array.base).nbytes for array in arrays]
    assert sum(held) < 6 * SAMPLE * 8 < GENERATIONS * SAMPLE * 8
    assert sum(each.sample.num_rows for each in collected if each.sample) < 6 * SAMPLE
