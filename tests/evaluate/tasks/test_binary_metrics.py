import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.evaluate.tasks.binary_metrics import compute_curves, compute_metrics


def test_perfect_model():
    labels = np.array([0, 0, 1, 1])
    result = compute_metrics(labels, np.array([0.1, 0.2, 0.8, 0.9]))
    assert result["roc_auc"] == result["average_precision"] == result["accuracy"] == 1
    assert result["brier"] == pytest.approx((0.1**2 + 0.2**2 + 0.2**2 + 0.1**2) / 4)


def test_prior_has_no_ranking_and_its_entropy_as_loss():
    labels = np.array([1] * 25 + [0] * 75)
    result = compute_metrics(labels, np.full(100, 0.25))
    assert result["roc_auc"] == 0.5
    assert result["average_precision"] == 0.25
    assert result["log_loss"] == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert result["accuracy"] == 0.75


@given(st.integers(0, 2**32 - 1), st.integers(50, 3000))
def test_thinned_curves_keep_ends_order_and_area(seed, rows):
    random = np.random.default_rng(seed)
    probabilities = random.random(rows)
    labels = (random.random(rows) < probabilities).astype(int)
    labels[:2] = 0, 1
    made = compute_curves(labels, probabilities)
    x, y = made.roc
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert (np.diff(x) >= 0).all()
    assert len(x) <= 203
    assert np.trapezoid(y, x) == pytest.approx(compute_metrics(labels, probabilities)["roc_auc"], abs=0.03)
    recall, _ = made.precision_recall
    assert (np.diff(recall) >= 0).all()


def test_calibration_of_a_calibrated_model_is_the_diagonal():
    random = np.random.default_rng(0)
    probabilities = random.random(200_000)
    predicted, happened = compute_curves(
        (random.random(200_000) < probabilities).astype(int), probabilities
    ).calibration
    np.testing.assert_allclose(predicted, happened, atol=0.02)
