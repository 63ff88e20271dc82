"""Offsets of values in a record, and invalid declarations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.recipe import INTEGERS, Feature
from firelib.tfrecord.format.fixed_layout import build_fixed_layout, integer_bounds, list_kind, varint_width
from tests.errors import refused
from tests.tfrecord.samples import datasets


@given(st.integers(0, 2**63 - 1))
def test_the_width_is_the_shortest_that_holds_the_largest_value(high: int) -> None:
    width = varint_width(0, high)
    assert high < 1 << 7 * width
    assert width == 1 or high >= 1 << 7 * (width - 1)


@given(st.integers(-(2**63), -1), st.integers(0, 2**63 - 1))
def test_a_range_with_negative_values_takes_ten_bytes(low: int, high: int) -> None:
    assert varint_width(low, high) == 10


@pytest.mark.parametrize("dtype", sorted(INTEGERS))
def test_bounds_default_to_the_dtype(dtype: str) -> None:
    info = np.iinfo(dtype)
    assert integer_bounds(Feature("x", dtype)) == (info.min, info.max)


def test_the_value_for_missing_widens_the_bounds() -> None:
    feature = Feature("x", "int64", range=(0, 9), nullable=True, missing=-1)
    assert integer_bounds(feature) == (-1, 9)


def test_a_float_has_no_integer_bounds() -> None:
    with refused(what=["float32", "integer"], where="x"):
        integer_bounds(Feature("x", "float32"))


@pytest.mark.parametrize(
    ("feature", "kind"),
    [
        (Feature("x", "float32"), "float"),
        (Feature("x", "float64"), "bytes"),
        (Feature("x", "bool"), "int64"),
        (Feature("x", "uint8"), "int64"),
        (Feature("x", "uint8", shape=(2, 2)), "bytes"),
        (Feature("x", "int16", shape=(2,)), "int64"),
        (Feature("x", "string", max_length=3), "bytes"),
    ],
)
def test_list_kinds(feature: Feature, kind: str) -> None:
    assert list_kind(feature) == kind


@given(datasets())
def test_fields_do_not_overlap_and_stay_inside_the_record(dataset: tuple) -> None:
    layout = build_fixed_layout(dataset[0])
    ends = 0
    for field in sorted(layout.fields, key=lambda field: field.offset):
        assert field.offset >= ends
        ends = field.offset + field.width
    assert ends <= layout.record_bytes


@given(datasets(), st.randoms())
def test_the_order_of_the_features_does_not_matter(dataset: tuple, random: object) -> None:
    shuffled = list(dataset[0])
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert build_fixed_layout(shuffled).template == build_fixed_layout(dataset[0]).template


def test_duplicate_names_are_refused() -> None:
    with refused(what="x", remedy="name"):
        build_fixed_layout([Feature("x", "int8"), Feature("x", "float32")])


@pytest.mark.parametrize("shape", [(0,), (2, -1)])
def test_a_shape_without_elements_is_refused(shape: tuple[int, ...]) -> None:
    with refused(what=["shape", str(shape)], where="x"):
        build_fixed_layout([Feature("x", "int8", shape=shape)])


def test_a_value_for_missing_outside_the_dtype_is_refused() -> None:
    with refused(what=["missing", -1, "uint8"], where="x"):
        build_fixed_layout([Feature("x", "uint8", nullable=True, missing=-1)])


def test_a_name_that_cannot_be_encoded_is_refused() -> None:
    with refused(what=["name", "UTF-8"], where=repr("x\ud800")):
        build_fixed_layout([Feature("x\ud800", "int8")])
