import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firelib.evaluate.tasks.regression import Regression
from firelib.project_layout import Paths
from firelib.recipe import Feature
from tests.errors import refused

PRICE = Feature("price", "float32")
SHOWN = (Feature("name", "string", max_length=4), Feature("size", "int64"), Feature("maybe", "float32", optional=True))
ACTUAL = np.array([1.0, 2.0, 4.0])
PREDICTED = np.array([1.0, 3.0, 2.0])


def test_metrics_by_hand():
    result = Regression(PRICE, ()).metrics(ACTUAL, PREDICTED)
    assert result["mae"] == pytest.approx(1)
    assert result["rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert result["mape"] == pytest.approx((0 + 1 / 2 + 1 / 2) / 3)
    assert result["r2"] == pytest.approx(1 - 5 / ((ACTUAL - ACTUAL.mean()) ** 2).sum())


@given(hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-1e6, 1e6, width=32)))
def test_perfect_model(actual):
    task = Regression(PRICE, ())
    result, gaps = task.metrics(actual, actual), " ".join(task.describe_gaps(actual))
    assert result["mae"] == result["rmse"] == 0
    assert result.get("r2", 1) == 1
    assert ("r2" in result) == ("no r2" not in gaps)
    assert ("mape" in result) == ("no mape" not in gaps)


def test_zeros_and_ones_may_be_a_class():
    task = Regression(Feature("up", "float32"), ())
    assert any("'up'" in gap and "range=(0, 1)" in gap for gap in task.describe_gaps(np.array([0.0, 1.0])))
    assert not any("range" in gap for gap in task.describe_gaps(np.array([0.0, 0.5])))


def test_metrics_of_an_array_are_means():
    pair = Regression(Feature("pair", "float32", shape=(2,)), ())
    result = pair.metrics(np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [4, 4]]))
    assert result["mae"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("shape", "outputs"), [((), (3, 2)), ((2,), (3,)), ((2,), (3, 3)), ((2, 2), (3, 4)), ((), (3, 2, 2))]
)
def test_outputs_that_do_not_suit_the_label(shape, outputs):
    task = Regression(Feature("price", "float32", shape=shape), ())
    with refused(what="'price'", where="build_model", remedy=f"Dense({int(np.prod(shape))})"):
        task.to_scores(np.zeros(outputs))


@pytest.mark.parametrize(("shape", "outputs"), [((), (3,)), ((1,), (3,)), ((2,), (3, 2)), ((2, 2), (3, 2, 2))])
def test_outputs_take_the_shape_of_the_label(shape, outputs):
    scores, note = Regression(Feature("price", "float32", shape=shape), ()).to_scores(np.zeros(outputs))
    assert scores.shape == (3, *shape)
    assert note is None


def test_worst_rows_come_first(tmp_path):
    paths = Paths("shop", "", tmp_path)
    test = {
        "name": np.array([b"ab\0\0", b'c,"d', b"e\nf\0"]),
        "size": np.array([1, 2, 3]),
        "maybe": np.array([None, 0.5, None], object),
    }
    Regression(PRICE, (*SHOWN, Feature("blob", "bytes"))).write(ACTUAL, {"model": PREDICTED}, test, paths)
    with (paths.plots / "worst_rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["name"], row["maybe"]) for row in rows] == [
        ("2", "e\nf", ""),
        ("1", 'c,"d', "0.5"),
        ("0", "ab", ""),
    ]
    assert (rows[0]["actual"], rows[0]["predicted"]) == ("4", "2")


def test_same_inputs_give_the_same_bytes(tmp_path):
    actual = np.random.default_rng(0).normal(size=9000)
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        Regression(PRICE, ()).write(actual, {"model": actual[::-1]}, {}, Paths("mine", "", folder))
        written.append({path.name: path.read_bytes() for path in sorted(folder.rglob("*.*"))})
    assert written[0] == written[1]
    assert set(written[0]) == {"predicted.png", "residuals.png", "worst_rows.csv"}
