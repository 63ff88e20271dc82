"""What a preview returns."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class FirstRows:
    """Rows of a source.

    Attributes:
        rows: The rows.
        is_complete: Whether they are all rows of the source that an extract would give. Their number does not tell:
            a preview reads few files, and few bytes of each.
    """

    rows: pa.Table
    is_complete: bool

    @classmethod
    def cut(cls, rows: pa.Table, most: int) -> "FirstRows":
        """The first rows of those that were read.

        Args:
            rows: At least one row more than wanted, unless the source has no more.
            most: Number of wanted rows.
        """
        return cls(rows.slice(0, most), rows.num_rows <= most)
