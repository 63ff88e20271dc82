"""Framing: TensorFlow accepts it, and errors name damaged records."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firelib.tfrecord.format.framing import frame_header, framed_bytes, masked_crc, verify_frames
from tests.errors import refused
from tests.tfrecord.reference import frame_records, strip_framing

RECORDS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 40)))


@settings(deadline=None, max_examples=25)
@given(RECORDS)
def test_tensorflow_accepts_length_and_crc(tmp_path_factory: pytest.TempPathFactory, records: np.ndarray) -> None:
    import tensorflow as tf

    path = tmp_path_factory.mktemp("frames") / "x.tfrecord"
    path.write_bytes(frame_records(records).tobytes())
    found = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    assert found == [row.tobytes() for row in records]


def test_bytes_are_those_of_tensorflows_writer(tmp_path: Path) -> None:
    import tensorflow as tf

    records = np.arange(60, dtype=np.uint8).reshape(3, 20)
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        for row in records:
            writer.write(row.tobytes())
    content = (tmp_path / "x").read_bytes()
    assert content == frame_records(records).tobytes()
    assert content[:12] == frame_header(20)


@given(RECORDS)
def test_stripping_the_framing_returns_the_records(records: np.ndarray) -> None:
    block = frame_records(records)
    verify_frames(block, records.shape[1], "here")
    assert (strip_framing(block, records.shape[1]) == records).all()


@given(RECORDS, st.data())
def test_any_flipped_bit_is_detected_and_its_record_named(records: np.ndarray, data: st.DataObject) -> None:
    block = frame_records(records).ravel()
    position = data.draw(st.integers(0, len(block) - 1))
    block[position] ^= 1 << data.draw(st.integers(0, 7))
    with refused(what=["record", position // framed_bytes(records.shape[1]), "CRC"], where="train-00000"):
        verify_frames(block, records.shape[1], "train-00000")


def test_a_truncated_block_is_named() -> None:
    block = frame_records(np.zeros((3, 10), np.uint8)).ravel()[:-5]
    with refused(what=["record", 2, "21 bytes"], where="here"):
        verify_frames(block, 10, "here")


def test_known_checksum() -> None:
    # RFC 3720, B.4: the CRC-32C of 32 zero bytes is 0x8A9136AA; the mask is that of crc32c.h.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert len(frame_header(7)) == 12
