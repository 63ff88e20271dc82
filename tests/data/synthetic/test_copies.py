import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.synthetic.copies import STRIDE, copy_rows, find_originals
from tests.errors import refused

INTEGERS = st.integers(0, STRIDE - 1)
TEXTS = st.text(max_size=8).filter(lambda text: "~" not in text)
COLUMNS = st.one_of(
    st.lists(INTEGERS, min_size=1, max_size=20, unique=True).map(lambda v: pd.Series(v, dtype="int64")),
    st.lists(st.one_of(st.none(), INTEGERS), min_size=1, max_size=20, unique=True).map(
        lambda v: pd.Series(v, dtype="Int64")
    ),
    st.lists(TEXTS, min_size=1, max_size=20, unique=True).map(lambda v: pd.Series(v, dtype="str")),
)


def copies_of(column: pd.Series, copies: int) -> pd.DataFrame:
    rows = pd.DataFrame({"id": column, "x": range(len(column))})
    return pd.concat([copy_rows(rows, "id", copy) for copy in range(copies)], ignore_index=True)


@given(COLUMNS, st.integers(1, 5))
def test_no_two_copies_have_the_same_value(column: pd.Series, copies: int) -> None:
    values = copies_of(column, copies)["id"].dropna()
    assert values.is_unique
    assert len(values) == copies * column.notna().sum()


@given(COLUMNS, st.integers(1, 5))
def test_the_original_of_each_copy_is_found(column: pd.Series, copies: int) -> None:
    found = find_originals(copies_of(column, copies)["id"], copies)
    expected = pd.concat([column] * copies, ignore_index=True)
    pd.testing.assert_series_equal(found, expected, check_names=False)


@given(COLUMNS, st.integers(0, 5), st.data())
def test_a_copy_depends_on_its_row_alone(column: pd.Series, copy: int, data: st.DataObject) -> None:
    rows = pd.DataFrame({"id": column, "x": range(len(column))})
    cut = data.draw(st.integers(0, len(rows)))
    parts = pd.concat([copy_rows(rows.iloc[:cut], "id", copy), copy_rows(rows.iloc[cut:], "id", copy)])
    pd.testing.assert_frame_equal(parts, copy_rows(rows, "id", copy))


def test_the_other_columns_stay_as_they_are() -> None:
    rows = pd.DataFrame({"id": [1, 2], "x": [0.5, None], "word": ["a", "b"]})
    pd.testing.assert_frame_equal(copy_rows(rows, "id", 3).drop(columns="id"), rows.drop(columns="id"))
    assert copy_rows(rows, "word", 3)["word"].tolist() == ["a~3", "b~3"]


def test_narrow_integers_have_room_for_copies() -> None:
    rows = pd.DataFrame({"id": pd.Series([7], dtype="int8")})
    assert copy_rows(rows, "id", 2)["id"].tolist() == [7 + 2 * STRIDE]


@pytest.mark.parametrize("value", [-1, STRIDE, "flight~3", 0.5])
def test_values_that_copies_of_other_rows_may_have_are_refused(value: object) -> None:
    with refused(what=["id", str(value) if not isinstance(value, float) else "float64"], remedy="data.scale"):
        copy_rows(pd.DataFrame({"id": [value]}), "id", 1)


def test_a_changed_column_is_noticed() -> None:
    changed = copies_of(pd.Series([1, 2]), 3)["id"] * 31
    with refused(what=["id", "3 copies"], where="data.scale", remedy="key"):
        find_originals(changed, 3)


@pytest.mark.parametrize("kind", ["float64", "bool", "datetime64[us]"])
def test_a_column_of_another_type_is_refused(kind: str) -> None:
    changed = pd.Series([1, 2], name="id").astype(kind)
    with refused(what=["id", kind], where="data.scale", remedy="type"):
        find_originals(changed, 3)
