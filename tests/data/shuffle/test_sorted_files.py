import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.shuffle.sorted_files import read_sorted, write_sorted
from firelib.data.split.position import HASH, HASH_SPACE, HashRange
from tests.examples import examples

POSITIONS = st.integers(0, 50) | st.integers(HASH_SPACE - 50, HASH_SPACE - 1)


@examples(40)
@given(st.lists(st.lists(POSITIONS, max_size=9), min_size=1, max_size=3), st.integers(1, 600), POSITIONS, POSITIONS)
def test_a_range_has_all_its_rows_in_order(files: list[list[int]], repeats: int, one: int, other: int) -> None:
    """Repeated positions fill several blocks: none of their rows is missed."""
    wanted = HashRange(min(one, other), max(one, other) + 1)
    with tempfile.TemporaryDirectory() as folder:
        positions = [np.repeat(np.array(file, np.uint64), repeats) for file in files]
        written = [
            write_sorted(pa.table({"row": np.arange(len(some))}), some, str(Path(folder, f"{index}")))
            for index, some in enumerate(positions)
        ]
        parts = [blocks for file in written if (blocks := file.select(wanted))]
        read = read_sorted(parts)[HASH].to_pylist() if parts else []
    inside = [position for position in read if wanted.low <= position < wanted.high]
    expected = [int(value) for some in positions for value in some if wanted.low <= int(value) < wanted.high]
    assert inside == sorted(expected)
    assert read == sorted(read)
