"""Rows wait in a file in their order, and a disk without room is explained where the rows are wanted."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.parts.row_store import RowStore, StoredRows
from firelib.errors import FirelibError
from tests.full_disk import small_disk

SCHEMA = pa.schema({"x": pa.int64(), "text": pa.string()})


def batch_of(numbers: list[int]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(numbers, pa.int64()), pa.array(map(str, numbers), pa.string())], schema=SCHEMA)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 9), max_size=20)), max_size=20),
    st.sampled_from([0, 100, 10**9]),
)
def test_rows_of_several_parts_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[int, list[int]]], memory: int
) -> None:
    expected: list[list[int]] = [[], [], []]
    with RowStore(tmp_path_factory.getbasetemp(), memory) as store:
        parts = [StoredRows(store, SCHEMA) for _ in expected]
        for index, added in batches:
            parts[index].append(batch_of(added))
            expected[index] += added
        for part, numbers in zip(parts, expected, strict=True):
            assert pa.Table.from_batches(part.to_batches(), SCHEMA).to_pydict() == {
                "x": numbers,
                "text": [str(number) for number in numbers],
            }
            assert [each for array in part.read_column(0) for each in array.to_pylist()] == numbers
            assert part.num_rows == len(numbers)


def test_a_disk_without_room_is_explained(tmp_path: Path) -> None:
    """A thread writes the file; what it meets is raised by the next read, or earlier."""
    with small_disk(tmp_path / "disk", kib=64), RowStore(tmp_path / "disk", 0) as store:
        rows = StoredRows(store, SCHEMA)
        rows.append(batch_of(list(np.arange(100_000))))
        with pytest.raises(FirelibError) as raised:
            list(rows.to_batches())
    assert raised.value.where == str(tmp_path / "disk")
    assert "disk" in str(raised.value.what)
    assert raised.value.remedy
