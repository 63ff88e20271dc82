"""Infer the type of a column of text whose values come in batches."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.declared_types import INFERRED, has_wide_integer


class TypeScan:
    """What `infer_type` and `infer_exact` say about all values that were added.

    It keeps which types hold all values, and which of them give back what is written: both can be found batch by batch.
    """

    def __init__(self) -> None:
        self._holding = list(INFERRED)
        self._returning = {kind for kind in INFERRED if not pa.types.is_temporal(kind)}
        self._is_wide = self._has_values = False

    def add(self, texts: pa.ChunkedArray) -> None:
        """Look at some values, text or bytes."""
        if texts.null_count == len(texts):
            return
        self._has_values = True
        try:
            texts = texts.cast(pa.string())
        except pa.ArrowInvalid:  # bytes that are no text
            self._holding = []
        self._holding = [kind for kind in self._holding if self._holds(kind, texts)]

    def _holds(self, kind: pa.DataType, texts: pa.ChunkedArray) -> bool:
        try:
            values = texts.cast(kind)
        except pa.ArrowInvalid:
            return False
        if kind in self._returning and not pc.all(pc.equal(values.cast(pa.string()), texts)).as_py():
            self._returning.remove(kind)
        if pa.types.is_floating(kind):
            self._is_wide = self._is_wide or has_wide_integer(texts, values)
        return True

    def merge(self, other: "TypeScan") -> None:
        """Add the values of another scan."""
        self._holding = [kind for kind in self._holding if kind in other._holding]
        self._returning &= other._returning
        self._is_wide |= other._is_wide
        self._has_values |= other._has_values

    @property
    def inferred(self) -> pa.DataType | None:
        """The type that Arrow's CSV reader would infer; None for text."""
        kind = self._first
        return None if kind is not None and pa.types.is_floating(kind) and self._is_wide else kind

    @property
    def exact(self) -> pa.DataType | None:
        """The type that loses nothing of what is written; None for text."""
        kind = self._first
        return kind if kind is not None and (pa.types.is_temporal(kind) or kind in self._returning) else None

    @property
    def _first(self) -> pa.DataType | None:
        return self._holding[0] if self._holding and self._has_values else None


def merge_scans(scans: Iterable[Mapping[str, TypeScan]]) -> dict[str, TypeScan]:
    """Column → what its values in all files or blocks say.

    Args:
        scans: The scans of each file or block.
    """
    merged: dict[str, TypeScan] = {}
    for each in scans:
        for column, scan in each.items():
            merged.setdefault(column, TypeScan()).merge(scan)
    return merged
