import json

import numpy as np
import pytest

from firelib.evaluate.tasks.multilabel import MultiLabel
from firelib.project_layout import Paths
from tests.errors import refused

TASK = MultiLabel(["red", "round", "sweet"])
LABELS = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1]])
SCORES = np.array([[0.9, 0.2, 0.8], [0.6, 0.1, 0.9], [0.7, 0.4, 0.6]])


def test_metrics_by_hand():
    result = TASK.metrics(LABELS, SCORES)
    assert result["exact_match"] == pytest.approx(1 / 3)
    assert result["hamming_loss"] == pytest.approx(2 / 9)
    assert result["macro_f1"] == pytest.approx((0.8 + 0 + 1) / 3)
    assert result["micro_f1"] == pytest.approx(2 * 5 / (2 * 5 + 1 + 1))
    assert result["macro_roc_auc"] == 1  # of red and round; sweet does not vary


def test_label_that_does_not_vary_is_named():
    (gap,) = TASK.describe_gaps(LABELS)
    assert "sweet" in gap
    assert "red" not in gap
    assert "macro_roc_auc" not in TASK.metrics(LABELS[:1], SCORES[:1])


def test_metrics_of_each_label(tmp_path):
    paths = Paths("fruit", "", tmp_path)
    TASK.write(LABELS, {"model": SCORES}, {}, paths)
    figures = json.loads(paths.class_metrics.read_text())
    assert figures["red"] == {"precision": pytest.approx(2 / 3), "recall": 1, "f1": pytest.approx(0.8), "rows": 2}
    assert figures["sweet"]["f1"] == 1


def test_logits_get_a_sigmoid():
    logits = np.array([[-2.0, 0.0, 2.0]])
    scores, note = TASK.to_scores(logits)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)))
    assert note
    assert "sigmoid" in note
    assert TASK.to_scores(SCORES)[1] is None


def test_outputs_of_another_size():
    with refused(what="(3,)", where="build_model", remedy="Dense(3"):
        TASK.to_scores(np.zeros((5, 2)))


def test_single_label():
    scores, _ = MultiLabel(["red"]).to_scores(np.array([0.2, 0.8]))
    assert scores.shape == (2, 1)
