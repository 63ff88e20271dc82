"""Framing: TensorFlow accepts it, and damage is found and named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firelib.tfrecord.format.framing import framed, framed_bytes, header, masked_crc, unframed, verify
from tests.errors import refused

RECORDS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 40)))


@settings(deadline=None, max_examples=25)
@given(RECORDS)
def test_tensorflow_accepts_length_and_crc(tmp_path_factory: pytest.TempPathFactory, records: np.ndarray) -> None:
    import tensorflow as tf

    path = tmp_path_factory.mktemp("frames") / "x.tfrecord"
    path.write_bytes(framed(records).tobytes())
    found = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    assert found == [row.tobytes() for row in records]


def test_bytes_are_those_of_tensorflows_writer(tmp_path: Path) -> None:
    import tensorflow as tf

    records = np.arange(60, dtype=np.uint8).reshape(3, 20)
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        for row in records:
            writer.write(row.tobytes())
    assert (tmp_path / "x").read_bytes() == framed(records).tobytes()


@given(RECORDS)
def test_unframed_is_the_inverse(records: np.ndarray) -> None:
    block = framed(records)
    verify(block, records.shape[1], "here")
    assert (unframed(block, records.shape[1]) == records).all()


@given(RECORDS, st.data())
def test_any_flipped_bit_is_found_and_its_record_named(records: np.ndarray, data: st.DataObject) -> None:
    block = framed(records).ravel()
    position = data.draw(st.integers(0, len(block) - 1))
    block[position] ^= 1 << data.draw(st.integers(0, 7))
    with refused(what=["record", position // framed_bytes(records.shape[1]), "CRC"], where="train-00000"):
        verify(block, records.shape[1], "train-00000")


def test_a_truncated_block_is_named() -> None:
    block = framed(np.zeros((3, 10), np.uint8)).ravel()[:-5]
    with refused(what=["record", 2, "21 bytes"], where="here"):
        verify(block, 10, "here")


def test_known_checksum() -> None:
    # RFC 3720, B.4: the CRC-32C of 32 zero bytes is 0x8A9136AA; masked as record_writer.h says.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert len(header(7)) == 12
