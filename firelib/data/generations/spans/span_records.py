"""The records of a dataset's generations, read and written span by span.

Without the records of spans, one more version of a dataset would cost what the dataset has versions: the records of all
of them are read, and the hashes in them merged. A span's record only saves time, too. It is named by the records of its
generations, so it is the same whether they were made one by one or together; one that is missing or damaged is merged
again.
"""

from collections.abc import Sequence

from firelib.data.generations.dataset_records import DatasetRecords
from firelib.data.generations.record_store import RecordStore
from firelib.data.generations.spans.merge import merge_records
from firelib.data.generations.spans.span import Span, name_span, plan_spans
from firelib.recipe import Recipe


class SpanRecords:
    """Reads the records of a dataset, and completes those of its spans.

    Args:
        store: Has the records.
        names: The names of the records of all generations, oldest first; None for those without a name.
        recipe: Selects what decides the split.
    """

    def __init__(self, store: RecordStore, names: Sequence[str | None], recipe: Recipe) -> None:
        self._store, self._names, self._recipe = store, names, recipe
        self._incomplete: list[Span] = []

    def read(self) -> DatasetRecords:
        """The records that are known: of spans, and of generations that are in none."""
        records = DatasetRecords(self._recipe)
        for span in sorted(plan_spans(len(self._names)), key=lambda span: span.count, reverse=True):
            self._read(span, records)
        return records

    def _read(self, span: Span, records: DatasetRecords) -> None:
        record = self._store.read(self._name(span), records.rows)
        if record:
            records.add(span, record)
            return
        parts = span.divide()
        for part in parts:
            self._read(part, records)
        if parts:
            self._incomplete.append(span)

    def complete(self) -> None:
        """Write the records of the spans that had none when they were read. All generations have theirs by now."""
        for span in self._incomplete:
            merged = self._merge(span)
            if merged is not None:
                self._store.write(self._name(span), merge_records(merged.list_records()))

    def _merge(self, span: Span) -> DatasetRecords | None:
        """The records of the parts of a span; None if one cannot be read."""
        parts = DatasetRecords(self._recipe)
        for part in span.divide():
            record = self._store.read(self._name(part), parts.rows)
            if record is None:
                return None
            parts.add(part, record)
        return parts

    def _name(self, span: Span) -> str | None:
        return name_span([self._names[index] for index in span.indexes])
