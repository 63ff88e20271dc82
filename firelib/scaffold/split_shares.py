"""Shares of the splits that leave no split empty."""

from collections.abc import Mapping

import pyarrow as pa

from firelib.config import Split
from firelib.data.split import HASH_SPACE, key_hashes
from firelib.errors import FirelibError

Shares = Mapping[str, float]
_CHOICES = ((0.8, 0.1, 0.1), (0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.34, 0.33, 0.33))
_ROWS = 2000  # of so many rows, no split is empty
_LEAST_ROWS = 5  # in a split, if there are enough rows


def choose_shares(keys: pa.Table) -> Shares:
    """Choose the shares of train, validation and test.

    The hashes of the keys decide the splits, so small data may leave one empty; then other shares are chosen.

    Args:
        keys: The key's columns, or the number of each row.

    Raises:
        FirelibError: No choice gives each split a row.
    """
    if keys.num_rows > _ROWS:
        return _to_shares(_CHOICES[0])
    frame = keys.to_pandas()
    hashes = key_hashes(frame, list(frame.columns)).astype("float64") / HASH_SPACE
    for least in (min(_LEAST_ROWS, keys.num_rows // 10), 1):
        for train, validation, test in _CHOICES:
            rows_of_train, before_test = int((hashes < train).sum()), int((hashes < train + validation).sum())
            if min(rows_of_train, before_test - rows_of_train, len(hashes) - before_test) >= max(1, least):
                return _to_shares((train, validation, test))
    raise FirelibError(
        f"{keys.num_rows} rows do not fill the splits for training, validation and test",
        where="--from",
        remedy="pass data with more rows: hundreds for a model that is worth something",
    )


def _to_shares(shares: tuple[float, float, float]) -> Shares:
    train, validation, test = shares
    return Split(train=train, validation=validation, test=test).shares
