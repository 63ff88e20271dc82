"""Features that tell the label alone."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from firelib.check.leaks import check_leaks
from firelib.check.rows import CheckedRows
from firelib.recipe import Feature
from tests.evaluate.scored import Scored

ROWS = 400
RANDOM = np.random.default_rng(0)
CLASSES, NUMBERS = RANDOM.integers(0, 3, ROWS), RANDOM.normal(size=ROWS)
CODES = pa.array([f"code {value}" for value in CLASSES])


def leaks(feature: Feature, values: pa.Array, label: Feature, labels: pa.Array) -> list[str | None]:
    rows = pa.table({feature.name: values, label.name: labels})
    found = list(check_leaks(CheckedRows(rows, True), Scored(feature, label=label), None))
    assert all(finding.severity == "warning" and label.name in finding.what for finding in found)
    return [finding.value for finding in found]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (CODES, ["x"]),
        (pa.array([None if value == 2 else f"{value}" for value in CLASSES]), ["x"]),
        (pa.array([f"code {value // 2}" for value in CLASSES]), []),
        (pa.array([f"row {row}" for row in range(ROWS)]), []),
    ],
    ids=["another spelling", "a missing value for a class", "two classes in one", "an identifier"],
)
def test_classes(values: pa.Array, found: list[str]) -> None:
    label = Feature("kind", "int64", range=(0, 2))
    assert leaks(Feature("x", "string", nullable=True), values, label, pa.array(CLASSES)) == found


def test_a_class_that_nearly_all_rows_have_is_told_by_nothing() -> None:
    labels = pa.array((np.arange(ROWS) == 7).astype("int64"))
    assert leaks(Feature("x", "string"), CODES, Feature("rare", "int64", range=(0, 1)), labels) == []


@pytest.mark.parametrize(
    ("values", "found"), [(NUMBERS * 1.19, ["x"]), (NUMBERS + RANDOM.normal(size=ROWS), []), (NUMBERS * 0 + 1, [])]
)
def test_numbers(values: npt.NDArray[np.float64], found: list[str]) -> None:
    values = np.where(np.arange(ROWS) % 9 == 0, np.nan, values)
    feature, label = Feature("x", "float64", nullable=True), Feature("price", "float64")
    assert leaks(feature, pa.array(values), label, pa.array(NUMBERS)) == found
