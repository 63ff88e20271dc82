from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from firelib.config import Split
from firelib.data.split.assignment import assign_by_hash, assign_splits, explain_column_type, hash_groups, to_scalar
from firelib.data.split.position import key_hashes
from firelib.recipe import Recipe
from tests.errors import refused

GOLDEN = [3153023826869084118, 9856750127732528998, 17743869376381482025]


class Timed(Recipe):
    key = ("id",)
    split_time = "at"


class Named(Recipe):
    key = ("id",)
    split_column = "at"


def test_golden_values_of_groups() -> None:
    """If they change, groups of existing datasets move to other splits."""
    assert hash_groups(pa.table({"g": [0, 1, 2]}), ["g"]).tolist() == GOLDEN


def test_the_hash_of_a_group_does_not_depend_on_that_of_an_equal_key() -> None:
    numbers = pa.table({"k": range(20_000)})
    groups, keys = hash_groups(numbers, ["k"]), key_hashes(numbers.to_pandas(), ["k"])
    assert abs(np.corrcoef(groups.astype(float), keys.astype(float))[0, 1]) < 0.03


def test_shares_of_groups() -> None:
    groups = hash_groups(pa.table({"g": range(50_000)}), ["g"])
    splits = assign_by_hash(groups, Split(train=0.7, validation=0.2, test=0.1))
    assert (np.bincount(splits) / len(splits)).tolist() == pytest.approx([0.7, 0.2, 0.1], abs=0.01)


NOON = datetime(2024, 1, 1, 12)
NOON_IN_UTC = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "cut", "before", "first"),
    [
        (pa.timestamp("us"), date(2024, 1, 1), "2023-12-31T23:59:59", "2024-01-01T00:00:00"),
        (pa.timestamp("ns"), NOON, "2024-01-01T11:59:59", "2024-01-01T12:00:00"),
        (pa.timestamp("us", "UTC"), NOON_IN_UTC, "2024-01-01T11:59:59", "2024-01-01T12:00:00"),
        (pa.timestamp("us", "America/New_York"), date(2024, 1, 1), "2024-01-01T04:59:59", "2024-01-01T05:00:00"),
        (pa.date32(), date(2024, 1, 1), "2023-12-31", "2024-01-01"),
        (pa.int16(), 5, 4, 5),
        (pa.int64(), 4.5, 4, 5),
        (pa.float64(), 5, 4.9, 5.0),
    ],
)
def test_the_cut_is_the_first_value_of_its_split(kind: pa.DataType, cut: Any, before: Any, first: Any) -> None:
    texts = [before, first]
    values = pa.array(pd.to_datetime(texts), pa.timestamp("ns")) if isinstance(first, str) else pa.array(texts)
    values = values.cast(pa.timestamp("us")).cast(kind) if isinstance(first, str) else values.cast(kind)
    rows = pa.table({"id": [1, 2], "at": values})
    last = cut + 1e9 if isinstance(cut, int | float) else cut.replace(year=2100)
    assert assign_splits(rows, Timed(), Split(validation_from=cut, test_from=last)).splits.tolist() == [0, 1]
    assert explain_column_type(Timed(), Split(validation_from=cut, test_from=last), kind) is None


@pytest.mark.parametrize(
    ("kind", "cut", "what"),
    [
        (pa.string(), date(2024, 1, 1), "string"),
        (pa.bool_(), 5, "bool"),
        (pa.timestamp("us"), 5, "timestamp"),
        (pa.int64(), date(2024, 1, 1), "int64"),
        (pa.date32(), NOON, "dates"),
        (pa.timestamp("us"), NOON_IN_UTC, "without a zone"),
    ],
)
def test_a_cut_of_another_type_than_the_column_is_refused(kind: pa.DataType, cut: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        to_scalar(cut, kind)
    last = cut + 1 if isinstance(cut, int) else cut.replace(year=2100)
    split = Split(validation_from=cut, test_from=last)
    assert what in str(explain_column_type(Timed(), split, kind))
    with refused(what=what, where="split_time", remedy="convert"):
        assign_splits(pa.table({"id": pa.array([], pa.int64()), "at": pa.array([], kind)}), Timed(), split)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_a_column_of_text_names_the_split(kind: pa.DataType) -> None:
    names = pa.array(["test", "train", "validation"]).cast(kind)
    assert explain_column_type(Named(), Split(), kind) is None
    assert assign_splits(pa.table({"id": [1, 2, 3], "at": names}), Named(), Split()).splits.tolist() == [2, 0, 1]


def test_a_column_of_numbers_does_not_name_the_split() -> None:
    assert "int64" in str(explain_column_type(Named(), Split(), pa.int64()))


def test_a_type_that_is_not_known_yet_is_checked_with_the_rows() -> None:
    assert explain_column_type(Named(), Split(), pa.null()) is None


def test_nan_is_in_no_split() -> None:
    rows = pa.table({"id": [1, 2, 3], "at": pa.array([1.0, float("nan"), None])})
    assert sum(assign_splits(rows, Timed(), Split(validation_from=3, test_from=5)).problems.values()) == 2
