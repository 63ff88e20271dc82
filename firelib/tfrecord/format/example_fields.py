"""Read single tf.train.Example records in Python: slow, for samples and for error messages."""

import numpy as np

from firelib.errors import FirelibError
from firelib.tfrecord.kernels.feature_lists import count
from firelib.tfrecord.kernels.locate import FEATURE_LISTS
from firelib.tfrecord.kernels.wire import LENGTH_DELIMITED, read_field

#: Kind of list → its name in tf.train.Feature.
LIST_NAMES = {1: "bytes_list", 2: "float_list", 3: "int64_list"}


def list_features(record: bytes, where: str) -> list[tuple[str, int, int]]:
    """List the features of a record.

    Args:
        record: A serialised Example.
        where: The record to name in an error.

    Returns:
        Name, kind of list and number of items of each feature that has a list.

    Raises:
        FirelibError: The record is not an Example.
    """
    found = []
    for features in _read_fields(record, 1, where):
        for entry in _read_fields(features, 1, where):
            name = next(iter(_read_fields(entry, 1, where)), b"")
            for value in _read_fields(entry, 2, where):
                lists = [(kind, content) for kind in LIST_NAMES for content in _read_fields(value, kind, where)]
                found += [(_decode(name, where), kind, _count_items(kind, content, where)) for kind, content in lists]
    if _read_fields(record, FEATURE_LISTS, where):
        raise not_an_example(record, where)
    return found


def not_an_example(record: bytes, where: str) -> FirelibError:
    """The error for a record that is not an Example; it tells whether the record is a SequenceExample.

    Args:
        record: The record.
        where: The record to name in the error.
    """
    try:
        is_sequence = bool(_read_fields(record, FEATURE_LISTS, where))
    except FirelibError:
        is_sequence = False
    if not is_sequence:
        return FirelibError(
            "the record is not a valid tf.train.Example",
            where=where,
            remedy="check that the file holds tf.train.Example records",
        )
    return FirelibError(
        "the record is a tf.train.SequenceExample, whose feature_lists an Example does not have",
        where=where,
        remedy="convert the records to tf.train.Example (a list of numbers of any length becomes a ragged feature), "
        "or read them with tf.io.parse_sequence_example",
    )


def _decode(name: bytes, where: str) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise FirelibError(
            f"the name of a feature is not UTF-8: {name[:40]!r}",
            where=where,
            remedy="rename the feature, or declare the features to read: open_dataset(…, features=[…])",
        ) from None


def _count_items(kind: int, content: bytes, where: str) -> int:
    buffer = np.frombuffer(content + b"\0", np.uint8)
    items, sizes = np.zeros(1, np.int64), np.zeros(1, np.int64)
    if count(buffer.ctypes.data, kind, np.array([[kind, 0, len(content)]]), items, sizes) >= 0:
        raise not_an_example(b"", where)
    return int(items[0])


def _read_fields(message: bytes, number: int, where: str) -> list[bytes]:
    """The content of each occurrence of a length-delimited field."""
    buffer, at, found = np.frombuffer(message + b"\0", np.uint8), 0, []
    while at < len(message):
        field, wire, first, at = read_field(buffer.ctypes.data, at, len(message))
        if at < 0:
            raise FirelibError(
                "the record is not a valid tf.train.Example",
                where=where,
                remedy="check that the file holds tf.train.Example records",
            )
        if field == number and wire == LENGTH_DELIMITED:
            found.append(message[first:at])
    return found
