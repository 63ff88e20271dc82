"""Strings as one TensorProto, with TensorFlow as the oracle."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.tfrecord.format.string_tensor import string_tensor

tf = pytest.importorskip("tensorflow")

VALUES = st.binary(max_size=200)


def _parsed(serialised: np.ndarray) -> list:
    return tf.io.parse_tensor(serialised, tf.string).numpy().tolist()


@given(st.integers(1, 3), st.integers(0, 5), st.integers(0, 3), st.booleans(), st.data())
def test_every_string_has_its_position_in_the_tensor(
    steps: int, rows: int, more: int, by_column: bool, data: st.DataObject
) -> None:
    columns = [data.draw(st.lists(VALUES, min_size=steps * rows, max_size=steps * rows)) for _ in range(2)]
    arrow = [pa.array(column, pa.large_binary()) for column in columns]
    expected = np.empty((steps, 2, rows + more), object)
    for step in range(steps):
        for index, column in enumerate(columns):
            expected[step, index] = column[step * rows : (step + 1) * rows] + [b""] * more
    expected = expected.swapaxes(0, 1) if by_column else expected
    assert _parsed(string_tensor(arrow, steps, rows, rows + more, by_column)) == expected.tolist()


@given(st.lists(st.binary(max_size=9).map(lambda value: value.rstrip(b"\0")), min_size=1, max_size=20))
def test_padding_of_fixed_length_strings_is_stripped(values: list[bytes]) -> None:
    assert _parsed(string_tensor([np.array(values, "S9")], 1, len(values), len(values))) == [[values]]


def test_nulls_and_slices_of_a_longer_array() -> None:
    column = pa.array([b"before", b"a", None, b"c" * 300, b"after"], pa.large_binary()).slice(1, 3)
    assert _parsed(string_tensor([column], 1, 3, 3)) == [[[b"a", b"", b"c" * 300]]]
