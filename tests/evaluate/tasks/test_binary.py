import numpy as np
import pytest

from firelib.evaluate.tasks.binary import Binary


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_has_no_ranking(label):
    task, labels = Binary(), np.full(4, label)
    assert set(task.metrics(labels, np.full((4, 2), 0.5))) == {"log_loss", "brier", "accuracy"}
    (gap,) = task.describe_gaps(labels)
    assert all(str(part) in gap for part in ("roc_auc", "average_precision", 4, label))
    assert task.describe_gaps(np.array([0, 1])) == task.describe_gaps(labels[:0]) == []
