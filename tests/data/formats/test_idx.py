import gzip
import struct
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firelib.data.formats.idx import IDX, read_idx
from firelib.errors import FirelibError
from firelib.recipe import Source
from tests.data.idx_files import CODES, idx_bytes
from tests.errors import refused

SOURCE = Source("rows-idx3-ubyte.gz")
ARRAYS = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(max_dims=4, max_side=5))
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "rows-idx3-ubyte.gz"


@given(ARRAYS, st.booleans())
def test_arrays_are_read_back(file, array, packed):
    content = idx_bytes(array)
    file.write_bytes(gzip.compress(content) if packed else content)
    table = read_idx(file, SOURCE)
    assert table["row"].to_pylist() == list(range(len(array)))
    value = table["value"].combine_chunks()
    if array.ndim == 1:
        np.testing.assert_array_equal(value.to_numpy(), array)
    else:
        assert value.type == pa.large_binary()
        assert value.to_pylist() == [row.astype(row.dtype.newbyteorder("<")).tobytes() for row in array]


def test_unsigned_bytes_become_a_type_that_delta_has(file):
    file.write_bytes(idx_bytes(np.array([0, 255], np.uint8)))
    assert read_idx(file, SOURCE)["value"].type == pa.int16()


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda rest: b"\0\0\x08\x02" + rest))
def test_other_bytes_are_refused_and_never_crash(file, content):
    file.write_bytes(content)
    with suppress(FirelibError):
        table = read_idx(file, SOURCE)  # random bytes may be valid IDX
        assert table.num_rows == struct.unpack(">I", content[4:8])[0]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", ["IDX"]),
        (b"\0\0\x08", ["IDX", "00 00 08"]),
        (b"year,month\n", ["IDX", "79 65 61 72"]),
        (b"\0\0\x07\x01\0\0\0\0", ["IDX", "00 00 07 01"]),
        (b"\0\0\x08\x00", ["IDX", "00 00 08 00"]),
        (b"\0\0\x08\x03\0\0", ["header", 16, 6]),
        (b"\0\0\x08\x02\0\0\0\1\0\0\0\0", ["(0,)"]),
        (idx_bytes(np.zeros((3, 2, 2), np.uint8))[:-1], [11, "3×2×2 uint8", 12]),
        (idx_bytes(np.zeros(3, np.float64)) + b"\0", [25, "3 float64", 24]),
        (gzip.compress(idx_bytes(np.zeros(900, np.uint8)), mtime=0)[:-12], ["gzip"]),
    ],
)
def test_an_invalid_file_is_explained(file, content, named):
    file.write_bytes(content)
    with refused(what=named, where=SOURCE.uri):
        read_idx(file, SOURCE)


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("train-images-idx3-ubyte.gz", True),
        ("t10k-labels.idx1-ubyte", True),
        ("0123-labels-idx1-ubyte", True),
        ("rows.idx", True),
        ("rows.idx.csv", False),
        ("index.csv.gz", False),
    ],
)
def test_names(name, matches):
    assert IDX.matches_name(name) is matches
