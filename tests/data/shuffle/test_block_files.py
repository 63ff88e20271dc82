from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from firelib.data.shuffle.block_files import read_blocks, share_schemas, write_blocks

ROWS = pa.table({"number": np.arange(10), "word": ["a", None, "é", "", "b"] * 2})


@pytest.mark.parametrize("repeats", [1, 10_000], ids=["plain", "compressed"])
def test_blocks_are_read_one_by_one(tmp_path: Path, repeats: int) -> None:
    rows = pa.concat_tables([ROWS] * repeats)
    edges = [0, 3, 3, 7, rows.num_rows]
    file = write_blocks(rows, edges, str(tmp_path / "file"))
    for first in range(4):
        for stop in range(first, 5):
            (table,) = read_blocks([file.select(first, stop)])
            assert table.equals(rows.slice(edges[first], edges[stop] - edges[first]))
    assert ((tmp_path / "file").stat().st_size < rows.nbytes / 2) == (repeats > 1)


def test_files_are_read_in_order_and_equal_schemas_together(tmp_path: Path) -> None:
    tables = [ROWS.slice(0, 4), ROWS.slice(4, 3), ROWS.select(["word"]), ROWS.slice(7)]
    files = [write_blocks(table, [0, len(table)], str(tmp_path / f"{index}")) for index, table in enumerate(tables)]
    read = read_blocks([file.select(0, 1) for file in share_schemas(files)])
    assert [table.num_rows for table in read] == [7, 10, 3]
    assert read[0].equals(ROWS.slice(0, 7))


def test_dictionaries_become_plain_values(tmp_path: Path) -> None:
    rows = pa.table({"word": pa.array(["a", "b", None, "a"]).dictionary_encode()})
    file = write_blocks(rows, [0, 2, 4], str(tmp_path / "file"))
    assert read_blocks([file.select(1, 2)])[0].to_pylist() == [{"word": None}, {"word": "a"}]


def test_no_rows_keep_their_columns(tmp_path: Path) -> None:
    file = write_blocks(ROWS.slice(0, 0), [0, 0], str(tmp_path / "file"))
    assert read_blocks([file.select(0, 1)])[0].equals(ROWS.slice(0, 0))
