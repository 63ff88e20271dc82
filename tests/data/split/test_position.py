"""The golden values guarantee that an upgrade of pandas does not change the split of a row: if one of them changes,
existing datasets cannot be continued."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.config import Split
from firelib.data.split.position import HASH_SPACE, HashRange, compute_hashes, key_hashes, place_in_split, split_ranges
from firelib.recipe import SplitRule
from tests.errors import refused

INTEGERS = [0, 1, -1, 2**62]
STRINGS = ["", "JFK", "é", "UA"]
TIMES = ["1970-01-01T00:00:00", "2013-01-01T05:00:00", "2013-12-31T23:59:59.999999", "2262-01-01T00:00:00"]
FRAME = pd.DataFrame({"i": INTEGERS, "s": STRINGS, "t": pd.to_datetime(TIMES, format="ISO8601")})
GOLDEN = {
    "i": [2162921423879135096, 13412656064769987837, 4900886544331459907, 13401691994286258283],
    "s": [679148156046450774, 8846125891608065211, 2755140149939294764, 18329657272996174470],
    "t": [2162921423879135096, 17024471336437919130, 9378565185949224189, 8890768814566530746],
    "ist": [11347820771154623792, 985911153057000468, 7856492491223949060, 17993088057170306945],
}
KEYS = st.tuples(st.integers(-(2**63), 2**63 - 1), st.text(max_size=5))


def hashes(values: Sequence[Any], **options: Any) -> list[int]:
    return list(map(int, key_hashes(pd.DataFrame({"k": pd.Series(values, **options)}), ["k"])))


@pytest.mark.parametrize("key", GOLDEN)
def test_golden_values(key: str) -> None:
    assert key_hashes(FRAME, list(key)).tolist() == GOLDEN[key]


def test_golden_values_of_floats_and_booleans() -> None:
    assert hashes([0.0, 1.5, -2.25]) == [2162921423879135096, 9105027057742401095, 13615126270578979265]
    assert hashes([True, False]) == hashes([1, 0])


@pytest.mark.parametrize("dtype", ["int8", "int64", "Int64", "int64[pyarrow]"])
def test_the_width_of_an_integer_does_not_matter(dtype: str) -> None:
    assert hashes([0, 1, -1], dtype=dtype) == GOLDEN["i"][:3]


@pytest.mark.parametrize("dtype", [object, "str", "string", "string[pyarrow]", "category"])
def test_the_representation_of_a_string_does_not_matter(dtype: Any) -> None:
    assert hashes(STRINGS, dtype=dtype) == GOLDEN["s"]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_the_unit_and_zone_of_a_time_do_not_matter(unit: str) -> None:
    times = FRAME["t"].astype(f"datetime64[{unit}]")
    assert hashes(times) == GOLDEN["t"]
    assert hashes(times.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")) == GOLDEN["t"]


def test_no_rows_have_no_hashes() -> None:
    assert key_hashes(FRAME.iloc[:0], ["i", "s", "t"]).tolist() == []


@given(st.lists(KEYS, min_size=1, max_size=20), st.lists(KEYS, max_size=20), st.randoms(use_true_random=False))
def test_a_row_keeps_its_hash_among_other_rows(old: list[Any], new: list[Any], random: Any) -> None:
    alone = dict(zip(old, key_hashes(pd.DataFrame(old, columns=["a", "b"]), ["a", "b"]).tolist(), strict=True))
    rows = [*old, *new]
    random.shuffle(rows)
    together = key_hashes(pd.DataFrame(rows, columns=["a", "b"]), ["a", "b"]).tolist()
    assert {key: value for key, value in zip(rows, together, strict=True) if key in alone} == alone


def test_top_bits_are_uniform() -> None:
    """Chi-squared over 64 ranges of consecutive keys: 63 degrees of freedom, 1e-6 lies above 130."""
    for keys in (range(64_000), [f"N{number}" for number in range(64_000)]):
        counts = np.bincount((np.array(hashes(keys), np.uint64) >> np.uint64(58)).astype(int), minlength=64)
        assert ((counts - 1000) ** 2 / 1000).sum() < 130


def test_splits_have_their_shares() -> None:
    ranges = split_ranges(Split(train=0.8, validation=0.1, test=0.1))
    computed = np.array(hashes(range(50_000)), np.uint64)
    shares = {name: np.mean((computed >= part.low) & (computed <= part.high - 1)) for name, part in ranges.items()}
    assert shares == pytest.approx({"train": 0.8, "validation": 0.1, "test": 0.1}, abs=0.01)


@given(st.floats(0.01, 0.98), st.floats(0.01, 0.99))
def test_splits_cover_all_hashes_once(train: float, of_rest: float) -> None:
    validation = (1 - train) * of_rest
    split = Split(train=train, validation=validation, test=1 - train - validation)
    parts = list(split_ranges(split).values())
    assert parts[0].low == 0
    assert parts[-1].high == HASH_SPACE
    assert [part.high for part in parts[:-1]] == [part.low for part in parts[1:]]
    assert all(part.low < part.high for part in parts)


@given(st.lists(KEYS, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_row_placed_in_a_split_is_in_its_range_in_the_order_of_its_hash(keys: list[Any], random: Any) -> None:
    computed = key_hashes(pd.DataFrame(keys, columns=["a", "b"]), ["a", "b"])
    splits = np.array([random.randrange(3) for _ in keys], np.int8)
    placed, ranges = place_in_split(computed, splits), list(split_ranges(Split(), SplitRule.GROUP).values())
    for position, row_hash, index in zip(placed.tolist(), computed.tolist(), splits, strict=True):
        assert ranges[index].low <= position < ranges[index].high
        assert position - ranges[index].low == row_hash >> 2


@given(st.integers(0, HASH_SPACE - 1), st.integers(1, HASH_SPACE), st.integers(1, 50))
def test_divided_ranges_are_the_whole_in_equal_parts(low: int, size: int, count: int) -> None:
    whole = HashRange(low, min(low + size, HASH_SPACE))
    parts = whole.divide(count)
    assert len(parts) == count
    assert (parts[0].low, parts[-1].high) == (whole.low, whole.high)
    assert [part.high for part in parts[:-1]] == [part.low for part in parts[1:]]
    sizes = [part.high - part.low for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_a_missing_key_column() -> None:
    with refused(what="ii", where="transform", remedy="i"):
        key_hashes(FRAME, ["ii"])


def test_a_null_in_the_key() -> None:
    with refused(what=["key", "k", 2], where="transform"):
        hashes([1, None, None], dtype="Int64")


OWN = Split(train=0.9, validation=0.1, test=0)


def test_named_test_rows_are_the_test_split_and_the_others_keep_their_shares() -> None:
    rows = pd.DataFrame({"k": range(50_000), "official": [number % 5 == 0 for number in range(50_000)]})
    computed, ranges = compute_hashes(rows, ["k"], "official"), split_ranges(OWN, SplitRule.TEST_ROWS)
    of = {name: (computed >= part.low) & (computed <= part.high - 1) for name, part in ranges.items()}
    assert (of["test"] == rows["official"]).all()
    assert of["validation"].sum() / (~rows["official"]).sum() == pytest.approx(0.1, abs=0.01)
    assert (of["train"] | of["validation"] | of["test"]).all()
    assert len(set(computed.tolist())) == len(rows)


@pytest.mark.parametrize(
    ("values", "remedy"),
    [([1, 0], "boolean"), (pd.array([True, None], "boolean"), "boolean"), (None, "k")],
)
def test_an_invalid_column_of_test_rows(values: Any, remedy: str) -> None:
    rows = pd.DataFrame({"k": [1, 2]} if values is None else {"k": [1, 2], "official": values})
    with refused(what="official", where="Recipe.test_rows", remedy=remedy):
        compute_hashes(rows, ["k"], "official")


def test_arrow_dates_have_the_hashes_of_their_text() -> None:
    """Versions of firelib before Arrow's dtypes hashed the text of dates."""
    dates = pd.Series(["2013-01-01", "2013-12-31"])
    arrow = pd.array(pd.to_datetime(dates).dt.date, dtype=pd.ArrowDtype(pa.date32()))
    hashes = [key_hashes(pd.DataFrame({"d": column}), ["d"]).tolist() for column in (dates, arrow)]
    assert hashes[0] == hashes[1]


def test_lists_in_the_key_are_refused() -> None:
    lists = pd.array([[1], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    with refused(what=["d", "list"], where="transform", remedy="key"):
        key_hashes(pd.DataFrame({"d": lists}), ["d"])


def test_bytes_are_a_key() -> None:
    assert hashes([b"a", b"b"]) == hashes(["a", "b"])
    assert len(set(hashes([b"\xff", b"\xfe", b"\xc3\xa9"]))) == 3


def test_the_hash_of_a_duration_does_not_depend_on_other_rows() -> None:
    day, hour = pd.Timedelta(days=1), pd.Timedelta(hours=1)
    assert hashes([day, day + hour])[:1] == hashes([day])


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pd.Series([[1], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), "list"),
        (pd.Series([[1], [2]]), "list"),
        (pd.Series([{"a": 1}, {"a": 2}]), "dict"),
        (pd.Series([np.array([1]), np.array([2])]), "ndarray"),
    ],
)
def test_a_key_of_nested_values_is_refused(column: "pd.Series[Any]", kind: str) -> None:
    with refused(what=["k", kind], where="transform", remedy="key"):
        key_hashes(pd.DataFrame({"k": column}), ["k"])
