"""Make the generations of a dataset, or find the records of those that were made before."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any

import dask
import numpy as np
import pyarrow as pa

from firelib.console import note
from firelib.data.dask_on_ray import compute
from firelib.data.generations.fingerprint import describe_inputs, name_generations, name_without
from firelib.data.generations.job import TransformJob
from firelib.data.generations.key_files import KeyFile
from firelib.data.generations.own_rows import list_own_commits
from firelib.data.generations.plan import Generation
from firelib.data.generations.record import MOST_GROUPS, Counts, Record, RecordedShard
from firelib.data.generations.record_store import RecordStore, list_words
from firelib.data.generations.repeated_keys import find_repeated
from firelib.data.generations.shard_store import list_files, stamp_files
from firelib.data.generations.spans.span import Span
from firelib.data.generations.spans.span_records import SpanRecords
from firelib.data.generations.window_check import check_window
from firelib.data.memory.table_plans import report_small_partitions
from firelib.data.memory.task_memory import TaskMemory, find_largest
from firelib.data.prepare import Membership, PreparedPartition, apply_cuts, prepare_partition
from firelib.data.quality.trained_sample import plan_sample
from firelib.data.shard_gather import (
    GatheredShard,
    GatherTask,
    estimate_gather,
    gather_shards,
    group_shards,
    plan_shards,
)
from firelib.data.shuffle.sorted_files import SortedFile
from firelib.data.split.leakage import count_sampled, merge_contents, sample_limit
from firelib.data.split.position import Hashes
from firelib.data.split.report import check_values
from firelib.data.split.strata import find_cuts

_MOST_SAMPLED = 1 << 25  # rows of a graph, with 16 bytes for each column that the report on leakage compares
_BATCH_TASKS = 1000  # of one graph: a transform that is stopped keeps the generations of earlier graphs


@dataclass(frozen=True)
class _Prepared:
    """A generation after the first pass.

    Attributes:
        parts: Results of the first pass.
        need: Memory of a task of that pass.
    """

    parts: list[PreparedPartition]
    need: TaskMemory


@dataclass(frozen=True)
class _Divided:
    """A generation whose rows are divided between the splits, before the second pass.

    Attributes:
        totals: Split → valid rows.
        tasks: The tasks of the second pass.
        need: Memory of the largest of them.
        samples: The tasks that read its sample, if the recipe limits drift.
    """

    totals: Counter[str]
    tasks: list[GatherTask]
    need: TaskMemory
    samples: list[Any]


class GenerationBuilder:
    """Makes the records of a dataset's generations.

    Args:
        job: The inputs of the transform.
        generations: The generations, oldest first.
        fresh: Whether to make all of them again.
    """

    def __init__(self, job: TransformJob, generations: Sequence[Generation], fresh: bool = False) -> None:
        self._job, self._generations = job, generations
        self._store = RecordStore(job.paths, fresh)
        inputs = describe_inputs(job.original, job.data)
        self._names = name_generations(inputs, generations, job.lake, job.data.version)
        self._prepared: dict[int, _Prepared] = {}

    def make_records(self) -> list[Record]:
        """The records of all generations, of one or of a span, oldest first: read, or made together with their shards.

        Raises:
            FirelibError: `transform` fails, rows are invalid, or the disk is full.
        """
        if self._may_share_keys:
            return self._make_without_repeated_keys()
        records = self._make([np.zeros((0, 2), np.uint64)] * len(self._generations))
        has_strays = len(self._generations) > 1 and any(record.counts.strays for record in records)
        return self._make_without_repeated_keys() if has_strays else records

    @property
    def _may_share_keys(self) -> bool:
        """Whether a key may be in two generations: not if it tells the commit."""
        columns = self._commit_columns(self._generations[0])
        return len(self._generations) > 1 and not set(columns) <= set(self._job.recipe.key)

    def _commit_columns(self, generation: Generation) -> Sequence[str]:
        return self._job.recipe.sources[generation.table].commit_by if generation.table else ()

    def _make_without_repeated_keys(self) -> list[Record]:
        """The records of generations without the rows whose keys are in earlier generations."""
        known = [self._store.read_keys(name) for name in self._names]
        missing = [index for index, files in enumerate(known) if files is None]
        for batch in self._prepare(missing, with_keys=True):
            for index in batch:
                self._store.write_keys(self._names[index], self._list_keys(index))
        files = [self._list_keys(index) if each is None else each for index, each in enumerate(known)]
        return self._make(find_repeated(files, self._store.folder, self._job.data.partition_bytes))

    def _list_keys(self, index: int) -> tuple[KeyFile, ...]:
        return tuple(part.keys for part in self._prepared[index].parts if part.keys)

    def _make(self, repeated: Sequence[Hashes]) -> list[Record]:
        """The records of all generations.

        Args:
            repeated: Keys of each generation whose rows are set aside.
        """
        names = [name_without(*pair) for pair in zip(self._names, repeated, strict=True)]
        spans = SpanRecords(self._store, names, self._job.recipe)
        records = spans.read()
        missing = records.find_missing(len(names))
        if len(names) > 1:
            note(f"  {len(names)} generations, {len(missing) or 'none'} to be made")
            if missing and self._job.original.window is not None:
                check_window(self._job, self._generations[missing[-1]])
        ready = [index for index in missing if index in self._prepared]
        for batch in chain([ready], self._prepare([index for index in missing if index not in ready])):
            for group in self._group(batch):
                for index, record in self._write(group, repeated):
                    made = replace(record, generation=self._names[index])
                    self._store.write(names[index], made)
                    records.add(Span(index), made)
                    del self._prepared[index]
                self._store.refresh()
        spans.complete()
        return records.list_records()

    def _group(self, indices: Sequence[int]) -> Iterator[list[int]]:
        """Prepared generations whose samples of hashes fit into the memory of this process together."""
        group: list[int] = []
        sampled = 0
        for index in indices:
            rows = count_sampled(sum(part.rows for part in self._prepared[index].parts))
            if group and sampled + rows > _MOST_SAMPLED:
                yield group
                group, sampled = [], 0
            group.append(index)
            sampled += rows
        if group:
            yield group

    def _prepare(self, indices: Sequence[int], with_keys: bool = False) -> Iterator[list[int]]:
        """Run the first pass over some generations.

        Args:
            indices: Indices of the generations.
            with_keys: Whether to write the hashes of the keys.

        Yields:
            Indices of generations whose partitions are prepared.
        """
        batch: dict[int, tuple[list[Any], TaskMemory]] = {}
        for index in indices:
            batch[index] = self._describe(self._generations[index], with_keys)
            if sum(len(tasks) for tasks, _ in batch.values()) >= _BATCH_TASKS or index == indices[-1]:
                self._run_first_pass(batch)
                yield [*batch]
                batch = {}

    def _run_first_pass(self, batch: dict[int, tuple[list[Any], TaskMemory]]) -> None:
        needs = [need for _, need in batch.values()]
        report_small_partitions(min(needs, key=lambda need: need.value), self._job.data.partition_bytes)
        calls = [task for tasks, _ in batch.values() for task in tasks]
        results = iter(compute(calls, "join and validate", find_largest(needs)))
        for index, (tasks, need) in batch.items():
            self._prepared[index] = _Prepared([*islice(results, len(tasks))], need)
        check_values([part for index in batch for part in self._prepared[index].parts], self._job.recipe)

    def _describe(self, generation: Generation, with_keys: bool) -> tuple[list[Any], TaskMemory]:
        """The tasks of the first pass over a generation, and the memory of one of them."""
        job, columns = self._job, self._commit_columns(generation)
        frame, need = job.join_tables(generation)
        window = job.window_commits(generation)
        commits = list_own_commits(columns, generation.commits, window) if columns else None
        prepare = partial(
            prepare_partition,
            recipe=job.recipe,
            ranges=job.ranges,
            folder=job.scratch,
            split=job.data.split,
            membership=Membership(commits, self._store.folder if with_keys else None),
        )
        # One task reads, joins and validates: Dask fuses the calls, so rows do not pass through Ray's object store.
        prepared = frame.map_partitions(prepare, meta=("prepared", object), enforce_metadata=False)
        return list(prepared.to_delayed()), need

    def _write(self, indices: Sequence[int], repeated: Sequence[Hashes]) -> Iterator[tuple[int, Record]]:
        """Run the second pass over prepared generations, and describe them."""
        divided = {index: self._divide(index, repeated[index]) for index in indices}
        sampled = [task for each in divided.values() for task in each.samples]
        samples = iter(compute(sampled, "sample") if sampled else [])
        gather = dask.delayed(gather_shards, pure=False)
        store, recipe = self._store, self._job.recipe
        calls = [gather(task, recipe, store.shards, store.folder) for each in divided.values() for task in each.tasks]
        need = find_largest([each.need for each in divided.values()])
        groups = iter(compute(calls, "write shards", need) if calls else [])
        for index, each in divided.items():
            shards = [shard for group in islice(groups, len(each.tasks)) for shard in group]
            record = describe_generation(self._prepared[index].parts, each.totals, shards, store)
            parts = [*islice(samples, len(each.samples))]
            yield index, replace(record, sample=pa.concat_tables(parts)) if parts else record

    def _divide(self, index: int, repeated: Hashes) -> _Divided:
        """Plan the second pass over a prepared generation."""
        job, prepared = self._job, self._prepared[index]
        totals, files = self._count_rows(prepared)
        rows, need = totals.total(), prepared.need
        mean_bytes = sum(part.nbytes for part in prepared.parts) // max(rows, 1)
        record_bytes = sum(part.record_bytes for part in prepared.parts) // max(rows, 1)
        plans = plan_shards(job.recipe, totals, job.ranges, job.shard_bytes, record_bytes, index)
        grouped = group_shards(plans, files, int(need.value) // max(mean_bytes, 1))
        # As results of tasks, keys and files are in Ray's object store once, and not in each task.
        keys = dask.delayed(np.asarray, pure=False)(repeated) if len(repeated) else repeated
        shared = dask.delayed(list, pure=False)(grouped[0].files) if len(grouped) > 1 else None
        tasks = [
            replace(task, files=task.files if shared is None else shared, repeated=keys, limit=sample_limit(rows))
            for task in grouped
        ]
        gathering = estimate_gather(tasks, mean_bytes, job.data.shard_mib, int(need.value))
        return _Divided(totals, tasks, gathering, plan_sample(files, job.recipe, rows))

    def _count_rows(self, prepared: _Prepared) -> tuple[Counter[str], list[SortedFile]]:
        """Rows of each split, after rows of small strata have moved, and the files with the rows."""
        job, parts = self._job, prepared.parts
        files = [part.file for part in parts if part.file]
        cuts = find_cuts((part.strata for part in parts), job.data.split)
        if not cuts:
            return sum((part.splits for part in parts), Counter[str]()), files
        move = dask.delayed(apply_cuts, pure=False)
        calls = [move(file, job.recipe, job.data.split, cuts, job.ranges, job.scratch) for file in files]
        moved = compute(calls, "stratify", prepared.need)
        return sum((splits for _, splits in moved), Counter[str]()), [file for file, _ in moved]


def describe_generation(
    parts: Sequence[PreparedPartition], totals: Counter[str], shards: Sequence[GatheredShard], store: RecordStore
) -> Record:
    """The record of a generation.

    Args:
        parts: Results of the first pass.
        totals: Split → valid rows.
        shards: Results of the second pass.
        store: Where shards and files of words are.
    """
    groups = sum((part.groups for part in parts), Counter[int]())
    by_split = {
        split: [each for each in shards if each.split == split] for split in dict.fromkeys(s.split for s in shards)
    }
    times = [part.times for part in parts if part.times]
    set_aside = [*(part.set_aside for part in parts), *(shard.set_aside for shard in shards)]
    recorded = tuple(RecordedShard(each.split, each.shard, each.moments, dict(each.words)) for each in shards)
    record = Record(
        Counts(
            sum(part.rows for part in parts),
            sum((part.excluded for part in parts), Counter[str]()),
            totals,
            Counter(dict(groups.most_common(MOST_GROUPS))),
            any(part.strays for part in parts),
        ),
        recorded,
        pa.concat_tables(set_aside, promote_options="permissive"),
        {split: merge_contents([each.contents for each in some]) for split, some in by_split.items()},
        (min(low for low, _ in times), max(high for _, high in times)) if times else (),
    )
    files = stamp_files(store.shards, list_files(each.shard for each in shards))
    return replace(record, stamps={**files, **stamp_files(store.folder, list_words(record.word_files))})
