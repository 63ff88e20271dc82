"""Both compiled checksums against the `crc32c` package."""

from collections.abc import Callable

import crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.tfrecord.kernels import crc32c as kernels

_KINDS = [kernels.crc_table, *([kernels.crc_hardware] if kernels.HARDWARE else [])]
_WORDS = [kernels.word_crc_table, *([kernels.word_crc_hardware] if kernels.HARDWARE else [])]
_FOURS = [kernels.four_crcs_table, *([kernels.four_crcs_hardware] if kernels.HARDWARE else [])]


@pytest.mark.parametrize("checksum", _KINDS)
@settings(deadline=None)  # the first call compiles
@given(data=st.binary(min_size=1, max_size=200), start=st.integers(0, 9))
def test_any_bytes_at_any_alignment(checksum: Callable[..., int], data: bytes, start: int) -> None:
    values = np.frombuffer(bytes(start) + data, np.uint8)
    assert checksum(values.ctypes.data + start, len(data)) == crc32c.crc32c(data)


@pytest.mark.parametrize("checksum", _KINDS)
def test_no_bytes(checksum: Callable[..., int]) -> None:
    assert checksum(0, 0) == 0


@pytest.mark.parametrize("checksums", _FOURS)
@settings(deadline=None)  # the first call compiles
@given(lengths=st.tuples(*[st.integers(0, 70)] * 4))
def test_four_at_a_time(checksums: Callable[..., tuple[int, ...]], lengths: tuple[int, ...]) -> None:
    values = np.random.default_rng(sum(lengths)).integers(0, 256, (4, 80), dtype=np.uint8)
    found = checksums(*(row.ctypes.data + 7 for row in values), lengths)  # bytes before a record may be read
    assert list(found) == [crc32c.crc32c(row[7 : 7 + n].tobytes()) for row, n in zip(values, lengths, strict=True)]


@pytest.mark.parametrize("checksum", _WORDS)
@given(data=st.binary(min_size=8, max_size=8))
def test_a_word(checksum: Callable[[int], int], data: bytes) -> None:
    assert checksum(np.frombuffer(data, np.uint8).ctypes.data) == crc32c.crc32c(data)
