import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from firelib.evaluate.tasks.class_metrics import (
    compute_metrics,
    count_confusions,
    find_confident_mistakes,
    metrics_by_class,
)

LABELS = np.array([0, 0, 1, 2])
SCORES = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.9, 0.1, 0.0]])


def test_metrics_by_hand():
    result = compute_metrics(LABELS, SCORES)
    assert result["accuracy"] == 0.5
    assert result["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert compute_metrics(LABELS[:3], SCORES[:3])["log_loss"] == pytest.approx(-np.log([0.8, 0.2, 0.8]).mean())


def test_metrics_of_each_class_by_hand():
    table = metrics_by_class(LABELS, SCORES, ["a", "b", "c"])
    assert table["a"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "rows": 2}
    assert table["c"] == {"precision": 0, "recall": 0, "f1": 0, "rows": 1}


def test_confusion_counts_actual_by_predicted():
    assert count_confusions(LABELS, SCORES).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_most_confident_mistake_comes_first():
    assert find_confident_mistakes(LABELS, SCORES, 5).tolist() == [3, 1]
    assert find_confident_mistakes(LABELS, SCORES, 1).tolist() == [3]


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(2, 8))
def test_metrics_agree_with_each_other(seed, rows, classes):
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.ones(classes), rows)
    labels = random.integers(0, classes, rows)
    counts, table = count_confusions(labels, scores), metrics_by_class(labels, scores, [str(i) for i in range(classes)])
    result = compute_metrics(labels, scores)
    assert result["accuracy"] == pytest.approx(accuracy_score(labels, scores.argmax(1)))
    assert result["accuracy"] == pytest.approx(np.trace(counts) / rows)
    assert [row["rows"] for row in table.values()] == counts.sum(axis=1).tolist()
    assert result["macro_f1"] == pytest.approx(np.mean([row["f1"] for row in table.values()]))
    assert len(find_confident_mistakes(labels, scores, rows)) == rows - np.trace(counts)
