"""The record of several adjacent generations."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import pyarrow as pa

from firelib.data.generations.record import MOST_GROUPS, Counts, Record
from firelib.data.split.leakage import merge_contents
from firelib.recipe import SPLITS


def merge_records(records: Sequence[Record]) -> Record:
    """What is known about the generations together. Statistics stay those of each shard: sums of floats do not merge.

    Args:
        records: Their records, oldest first.
    """
    times = [each.times for each in records if each.times]
    samples = [each.sample for each in records if each.sample is not None]
    splits = [split for split in SPLITS if any(split in each.contents for each in records)]
    return Record(
        merge_counts([each.counts for each in records]),
        tuple(chain.from_iterable(each.shards for each in records)),
        pa.concat_tables([each.set_aside for each in records], promote_options="permissive"),
        {
            split: merge_contents([each.contents[split] for each in records if split in each.contents])
            for split in splits
        },
        (min(low for low, _ in times), max(high for _, high in times)) if times else (),
        dict(chain.from_iterable(each.stamps.items() for each in records)),
        pa.concat_tables(samples) if samples else None,
    )


def merge_counts(counts: Sequence[Counts]) -> Counts:
    """Numbers of rows of several generations together.

    Args:
        counts: Those of each.
    """
    groups = sum((each.groups for each in counts), Counter[int]())
    return Counts(
        sum(each.rows for each in counts),
        sum((each.excluded for each in counts), Counter[str]()),
        sum((each.splits for each in counts), Counter[str]()),
        Counter(dict(groups.most_common(MOST_GROUPS))),
        any(each.strays for each in counts),
    )
