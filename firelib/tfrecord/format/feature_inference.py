"""Infer the features of TFRecord files of other writers from their records."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.example_fields import list_features
from firelib.tfrecord.format.example_parser import find_unknown
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES

_SAMPLE_RECORDS = 100
_MOST_FEATURES = 2000  # the scan compares names one by one
_DTYPES = {1: "bytes", 2: "float32", 3: "int64"}  # kind of list → dtype


class FeatureInference:
    """Collects the features of files, one after the other.

    The first records are a sample, from which kinds and numbers of values are taken. Compiled code then looks for names
    that the sample lacks in all other records; where it finds one, the records from there on are another sample. No
    feature is therefore missed, however late it first appears.

    A feature with one value in each record is a scalar, with equally many an array, otherwise a ragged list; a feature
    that some records of a sample lack is optional. Lists of bytes have dtype `bytes`.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], Counter[int]] = {}
        self._records = 0

    def add_file(self, content: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], uri: str) -> None:
        """Collect the features of a file.

        Args:
            content: The file's bytes.
            offsets: Offset of each record's frame, and the end of the last: int64 [records + 1].
            uri: The file to name in an error.

        Raises:
            FirelibError: A record is not an Example, or there are too many features.
        """
        if len(offsets) < 2:
            return
        begins, ends = offsets[:-1] + HEADER_BYTES, offsets[1:] - FOOTER_BYTES
        row = 0 if not self._counts else self._next(content, begins, ends, 0)
        while row >= 0:
            for index in range(row, min(row + _SAMPLE_RECORDS, len(begins))):
                record = content[begins[index] : ends[index]].tobytes()
                self._add_record(record, f"record {index} of {uri}")
            following = self._next(content, begins, ends, row)
            if following == row:  # the sample taught nothing about its first record
                raise _not_inferred("a feature holds no list", f"record {row} of {uri}")
            row = following

    def features(self, where: str) -> list[Feature]:
        """The features, sorted by name.

        Raises:
            FirelibError: A feature has several kinds of lists, or there are no features.
        """
        repeated = [name for name, seen in Counter(name for name, _ in self._counts).items() if seen > 1]
        if repeated:
            raise _not_inferred(f"feature {repeated[0]!r} has several kinds of lists", where)
        if not self._counts:
            raise _not_inferred("the records have no features", where)
        return [self._build(name, kind, seen) for (name, kind), seen in sorted(self._counts.items())]

    def _add_record(self, record: bytes, where: str) -> None:
        for name, kind, items in list_features(record, where):
            self._counts.setdefault((name, kind), Counter())[items] += 1
        self._records += 1
        if len(self._counts) > _MOST_FEATURES:
            raise _not_inferred(f"the records have more than {_MOST_FEATURES} features", where)

    def _next(
        self, content: npt.NDArray[np.uint8], begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], start: int
    ) -> int:
        """Index of the next record that has a feature without an entry, or is not an Example; -1 if there is none."""
        known = [Feature(name, "bytes") for name in dict.fromkeys(name for name, _ in self._counts)]
        found = find_unknown(content, begins[start:], ends[start:], known)
        return found if found < 0 else start + found

    def _build(self, name: str, kind: int, seen: Counter[int]) -> Feature:
        """The declaration that fits a feature; `seen` maps a number of items to the records that have so many."""
        optional = seen.total() < self._records
        (items, _), *others = seen.most_common()
        if others or items == 0 or (kind == 1 and items > 1):
            return Feature(name, _DTYPES[kind], ragged=True, optional=optional)
        return Feature(name, _DTYPES[kind], shape=() if items == 1 else (items,), optional=optional)


def _not_inferred(what: str, where: str) -> FirelibError:
    return FirelibError(what, where=where, remedy="declare the features: open_dataset(…, features=[…])")
