"""Size of records without a fixed size, from their names and values: the same however the rows are divided.

The memory of a table would not do. It depends on partitions, which have a bitmap each where there are nulls.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import cast_column
from firelib.tfrecord.format.fixed_layout import numpy_dtype


def count_record_bytes(rows: pa.Table, features: Sequence[Feature]) -> int:
    """Approximate size of the records of some rows, in bytes. That of a table is the sum of those of its parts.

    Args:
        rows: Valid rows.
        features: Features and label.
    """
    names = int(rows.num_rows) * sum(len(feature.name.encode()) for feature in features)
    return names + sum(_count_values(cast_column(rows, feature), feature) for feature in features)


def _count_values(column: pa.ChunkedArray, feature: Feature) -> int:
    """Bytes of all values that are not null."""
    values = pc.list_flatten(column) if feature.shape or feature.ragged else column
    if feature.dtype in ("string", "bytes"):
        return int(pc.sum(pc.binary_length(values)).as_py() or 0)
    return int((len(values) - values.null_count) * numpy_dtype(feature).itemsize)
