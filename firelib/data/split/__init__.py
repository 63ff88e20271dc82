"""The division of the rows into training, validation and test, their order, and what is on two sides."""

from firelib.data.split.position import (
    HASH,
    HASH_SPACE,
    Hashes,
    HashRange,
    check_key_type,
    compute_hashes,
    key_hashes,
    split_ranges,
)

__all__ = [
    "HASH",
    "HASH_SPACE",
    "HashRange",
    "Hashes",
    "check_key_type",
    "compute_hashes",
    "key_hashes",
    "split_ranges",
]
