"""A dataset that grew, shrank and was corrected has what the same dataset has from scratch."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib import storage
from firelib.data.generations.dataset_records import narrow_record
from firelib.data.generations.record import Counts, Record, RecordedShard
from firelib.data.generations.record_store import RECORD, RecordStore
from firelib.data.generations.shard_store import list_files, stamp_files, store_shard
from firelib.data.generations.spans import span
from firelib.data.generations.spans.span import Span, name_span, plan_spans
from firelib.data.generations.spans.span_records import SpanRecords
from firelib.data.quality.trained_sample import merge_samples
from firelib.data.row_validation import REASON
from firelib.data.split import leakage
from firelib.data.split.leakage import Contents, report_leakage, restrict, sample_limit
from firelib.data.split.leakage_summary import ROWS
from firelib.data.split.position import HASH, HASH_SPACE
from firelib.data.versions import feature_sample
from firelib.project_layout import Paths
from firelib.recipe import SPLITS, Feature
from firelib.tfrecord.write.shard_writer import choose_layout
from firelib.tfrecord.write.statistics import Moments, merge_moments
from tests.recipes.tiny import Tiny

SAMPLE = 40
ASIDE = pa.schema({"id": pa.int64(), REASON: pa.string()})
NUMBER = Feature("x", "int64")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage, "_SAMPLE", SAMPLE)
    monkeypatch.setattr(feature_sample, "_SAMPLE", SAMPLE)
    monkeypatch.setattr(span, "_WIDTH", 2)


def make_record(number: int, store: RecordStore) -> Record:
    """A generation with up to 30 rows, a shard of which is really there. Equal numbers give equal records."""
    random = np.random.default_rng(number)
    splits = Counter({name: int(random.integers(0, 10)) for name in SPLITS})
    limit = sample_limit(splits.total())
    shard = store_shard(store.shards, "train-0", {"x": np.array([number])}, choose_layout([NUMBER]))
    moments = Moments(1, 0, float(random.normal()), float(random.random()), number, number)
    record = Record(
        Counts(40, Counter({f"reason {number % 3}": 1}), splits, Counter({number % 5: 3}), number % 7 == 0),
        (RecordedShard("train", shard, {"x": moments}),),
        pa.table({"id": [number] * (number % 3), REASON: ["wrong"] * (number % 3)}, ASIDE),
        {name: make_contents(rows, random, limit) for name, rows in splits.items()},
        (number, number + 1),
        sample=make_sample(splits.total(), random),
    )
    return replace(record, stamps=stamp_files(store.shards, list_files([shard])))


def make_contents(rows: int, random: np.random.Generator, limit: int) -> Contents:
    """Hashes of which many are in other splits and generations, too."""
    hashes = random.integers(0, 200, rows).astype(np.uint64) * np.uint64(HASH_SPACE // 200)
    values, counts = np.unique(hashes, return_counts=True)
    groups = np.unique(hashes // np.uint64(7))
    return restrict(Contents({ROWS: values, "day": groups}, {"day": (rows, rows + 3)}, counts), limit)


def make_sample(rows: int, random: np.random.Generator) -> pa.Table:
    hashes = random.integers(0, HASH_SPACE, rows, np.uint64)
    kept = hashes[hashes < np.uint64(min(feature_sample.sample_limit(rows), HASH_SPACE - 1))]
    return pa.table({"x": random.normal(size=len(kept)), HASH: kept})


def describe(records: list[Record]) -> dict[str, Any]:
    """All that a transform takes from the records of a dataset."""
    rows = sum(record.counts.splits.total() for record in records)
    limit = sample_limit(rows)
    found = [(name, restrict(each, limit)) for record in records for name, each in record.contents.items()]
    sample = merge_samples((record.sample for record in records), Tiny(), rows)
    return {
        "rows": rows,
        "read": sum(record.counts.rows for record in records),
        "excluded": sum((record.counts.excluded for record in records), Counter()),
        "splits": sum((record.counts.splits for record in records), Counter()),
        "groups": sum((record.groups for record in records), Counter()),
        "strays": any(record.counts.strays for record in records),
        "shards": [each for record in records for each in record.shards],
        "moments": merge_moments(each.moments["x"] for record in records for each in record.shards),
        "set aside": pa.concat_tables([record.set_aside for record in records]).to_pylist(),
        "times": (min(record.times[0] for record in records), max(record.times[1] for record in records)),
        "leakage": report_leakage(found, limit),
        "sample": sample and sample.to_pylist(),
    }


def make(numbers: list[int], store: RecordStore) -> list[Record]:
    """The records of a dataset: read, or made and written, as a transform does it."""
    names = [name_of(number) for number in numbers]
    spans = SpanRecords(store, names, Tiny())
    records = spans.read()
    for index in records.find_missing(len(names)):
        record = make_record(numbers[index], store)
        store.write(names[index], record)
        records.add(Span(index), record)
    spans.complete()
    return records.list_records()


def name_of(number: int) -> str:
    return f"{number:064x}"


def from_scratch(numbers: list[int], store: RecordStore) -> dict[str, Any]:
    """The description from the records of single generations alone, all of their hashes read."""
    records = [make_record(number, store) for number in numbers]
    rows = sum(record.counts.splits.total() for record in records)
    return describe([narrow_record(record, rows, Tiny()) for record in records])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 50)),
        st.tuples(st.just("correct"), st.integers(0, 1000)),
        st.tuples(st.just("delete"), st.integers(0, 1000)),
        st.tuples(st.just("damage"), st.integers(0, 1000)),
        st.tuples(st.just("lose a shard"), st.integers(0, 1000)),
    ),
    max_size=6,
)


def change(numbers: list[int], kind: str, at: int, paths: Paths) -> list[int]:
    """The next list of generations; or damage what is stored."""
    index = at % len(numbers)
    if kind == "append":
        return [*numbers, at]
    if kind == "correct":
        return [*numbers[:index], 51 + at, *numbers[index + 1 :]]
    if kind == "delete":
        return [*numbers[:index], *numbers[index + 1 :]] or numbers
    folder = Path(paths.records if kind == "damage" else paths.shards)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    content = files[at % len(files)].read_bytes()
    files[at % len(files)].write_bytes(content[: len(content) // 2])
    return numbers


@settings(max_examples=15)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=14), steps)
def test_versions_in_any_order_equal_those_from_scratch(numbers: list[int], steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        paths, others = (Paths("tiny", folder, Path(folder)) for folder in (first, second))
        assert describe(make(numbers, RecordStore(paths))) == from_scratch(numbers, RecordStore(others))
        for kind, at in steps:
            numbers = change(numbers, kind, at, paths)
            expected = from_scratch(numbers, RecordStore(others))
            assert describe(make(numbers, RecordStore(paths))) == expected
        assert describe(make(numbers, RecordStore(paths, fresh=True))) == from_scratch(numbers, RecordStore(others))


def test_equal_datasets_have_equal_records_of_spans(tmp_path: Path) -> None:
    """Whether they are made one version after the other, or together: what is stored depends on the list alone."""
    stored = []
    for name, versions in (("grown", range(1, 18)), ("at once", [17])):
        paths = Paths("tiny", str(tmp_path / name), tmp_path)
        for version in versions:
            make(list(range(version)), RecordStore(paths))
        spans = [Span(0, 16), Span(0, 8), Span(8, 4), Span(14, 2)]
        names = [name_span([name_of(index) for index in each.indexes]) for each in spans]
        read = [RecordStore(paths).read(each) for each in names]
        stored.append([describe([record]) for record in read if record])
        assert len(stored[-1]) == len(spans)
    assert stored[0] == stored[1]


def test_a_version_more_reads_few_records(tmp_path: Path) -> None:
    paths = Paths("tiny", str(tmp_path), tmp_path)
    make(list(range(33)), RecordStore(paths))
    for number in range(32):  # those of single generations are not needed
        storage.remove_file(storage.join(paths.records, f"{name_of(number)}{RECORD}"))
    records = SpanRecords(RecordStore(paths), [name_of(number) for number in range(34)], Tiny()).read()
    assert records.find_missing(34) == [33]
    assert len(records.list_records()) == 2  # a span of 32, and one generation


@pytest.mark.parametrize("generations", [*range(1, 20), 512, 514, 1000])
def test_spans_have_all_generations_and_the_last_one_is_alone(
    generations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span, "_WIDTH", 8)
    spans = plan_spans(generations)
    assert [index for each in spans for index in each.indexes] == list(range(generations))
    assert spans[-1] == Span(generations - 1)
    assert len(spans) <= 1 + 7 * 4
    for each in spans:
        parts = each.divide()
        assert [index for part in parts for index in part.indexes] == ([*each.indexes] if parts else [])
