from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.data.parts import stream_hash
from firelib.data.parts.row_store import RowStore, StoredRows
from firelib.data.parts.stream_hash import hash_stored_rows
from firelib.data.sources.row_sets import hash_rows

_KINDS = {
    pa.int8(): st.integers(-5, 5),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.decimal128(5, 2): st.integers(-99, 99).map(Decimal),
    pa.string(): st.text(st.characters(codec="utf-8"), max_size=5),
    pa.large_binary(): st.binary(max_size=5),
    pa.list_(pa.field("element", pa.string())): st.lists(st.none() | st.text("aä", max_size=2), max_size=3),
    pa.large_list(pa.bool_()): st.lists(st.none() | st.booleans(), max_size=12),
    pa.map_(pa.string(), pa.int32()): st.dictionaries(st.text("ab", max_size=2), st.none() | st.integers(0, 9)).map(
        lambda pairs: list(pairs.items())
    ),
    pa.struct([("x", pa.int64()), ("y", pa.list_(pa.bool_()))]): st.fixed_dictionaries(
        {"x": st.none() | st.integers(0, 9), "y": st.none() | st.lists(st.booleans(), max_size=3)}
    ),
}
_SCHEMA = pa.schema([(f"c{index}", kind) for index, kind in enumerate(_KINDS)])
_ROW = st.fixed_dictionaries({f"c{i}": st.none() | values for i, values in enumerate(_KINDS.values())})


def store_rows(table: pa.Table, cuts: list[int], store: RowStore) -> StoredRows:
    rows = StoredRows(store, table.schema)
    edges = sorted({0, table.num_rows, *(cut % (table.num_rows + 1) for cut in cuts)})
    for start, stop in pairwise(edges):
        for batch in table.slice(start, stop - start).to_batches():
            rows.append(batch)
    return rows


@given(st.lists(_ROW, min_size=1, max_size=40), st.lists(st.integers(0, 1000), max_size=4), st.sampled_from([0, 2**20]))
@settings(max_examples=40, deadline=None)
def test_rows_on_disk_have_the_hash_of_the_same_rows_in_memory(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], cuts: list[int], memory: int
) -> None:
    table = pa.Table.from_pylist(rows, _SCHEMA)
    with pytest.MonkeyPatch.context() as patch, RowStore(tmp_path_factory.getbasetemp(), memory) as store:
        patch.setattr(stream_hash, "_IN_MEMORY", -1)
        stored = store_rows(table, cuts, store)
        assert pa.Table.from_batches(stored.to_batches()).to_pylist().__repr__() == repr(table.to_pylist())
        assert hash_stored_rows(stored) == hash_rows(table)


def test_the_bytes_of_nulls_are_hashed_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet leaves any value there, and lakes have pinned the hash."""
    values = pa.array(range(104), pa.int64())
    bits = pa.py_buffer(bytes([0b10101010] * 13))
    odd = pa.Array.from_buffers(pa.int64(), 104, [bits, values.buffers()[1]])
    flags = pa.Array.from_buffers(pa.bool_(), 104, [bits, pa.py_buffer(bytes([0b11001100] * 13))])
    table = pa.table({"number": odd, "flag": flags})
    monkeypatch.setattr(stream_hash, "_IN_MEMORY", -1)
    with RowStore(tmp_path, 0) as store:
        assert hash_stored_rows(store_rows(table, [50], store)) == hash_rows(table)


def test_the_hash_of_more_text_than_an_array_holds_depends_on_the_rows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_hash, "_IN_MEMORY", -1)
    monkeypatch.setattr(stream_hash, "_MOST_OFFSET", 1000)
    table = pa.table({"text": [f"text {number}" for number in range(600)], "x": [None, 1, None] * 200})
    with RowStore(tmp_path, 0) as store:
        found = {hash_stored_rows(store_rows(table, cuts, store)) for cuts in ([], [100, 300], [*range(0, 600, 7)])}
        others = {hash_stored_rows(store_rows(part, [9], store)) for part in (table.slice(1), table.slice(0, 599))}
    assert len(found) == 1
    assert len(found | others) == 3


def test_a_store_leaves_no_file(tmp_path: Path) -> None:
    with RowStore(tmp_path / "scratch", 0) as store:
        store_rows(pa.table({"x": [1, 2]}), [1], store)
        assert list((tmp_path / "scratch").iterdir()) == []
    assert list((tmp_path / "scratch").iterdir()) == []
