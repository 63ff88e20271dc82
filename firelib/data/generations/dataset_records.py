"""The records of a dataset's generations, as far as the dataset needs them.

A record has samples of its generation: up to two million hashes of each column that the report on leakage compares, and
up to 100,000 rows for drift. A dataset needs what belongs to the samples of all of its rows, which are no larger than
those of one generation. So memory does not grow with the number of generations.
"""

from dataclasses import replace

from firelib.data.generations.record import Record
from firelib.data.generations.spans.span import Span
from firelib.data.quality.trained_sample import narrow_sample
from firelib.data.split.leakage import restrict, sample_limit
from firelib.recipe import Recipe


class DatasetRecords:
    """Collects the records of a dataset, in any order.

    Args:
        recipe: Selects what decides the split.

    Attributes:
        rows: Number of rows that are known by now.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.rows = 0
        self._records: dict[Span, Record] = {}

    def find_missing(self, generations: int) -> list[int]:
        """Indexes of the generations without a record.

        Args:
            generations: Number of all generations.
        """
        known = {index for span in self._records for index in span.indexes}
        return [index for index in range(generations) if index not in known]

    def add(self, span: Span, record: Record) -> None:
        """Add the record of some generations, without what the rows that are known by now leave out of the samples.

        Args:
            span: The generations.
            record: Their record.
        """
        self.rows += record.counts.splits.total()
        self._records[span] = narrow_record(record, self.rows, self._recipe)

    def list_records(self) -> list[Record]:
        """The records, oldest generation first."""
        return [self._records[span] for span in sorted(self._records, key=lambda span: span.first)]


def narrow_record(record: Record, rows: int, recipe: Recipe) -> Record:
    """A record with the part of its samples that belongs to the samples of a larger dataset.

    Args:
        record: The record.
        rows: Number of rows of the dataset, or fewer.
        recipe: Selects what decides the split.
    """
    limit = sample_limit(rows)
    contents = {split: restrict(each, limit) for split, each in record.contents.items()}
    return replace(record, contents=contents, sample=narrow_sample(record.sample, recipe, rows))
