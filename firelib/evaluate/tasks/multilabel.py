"""Several labels at once, each of them 0 or 1: metrics of each label."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import f1_score, hamming_loss, precision_recall_fscore_support, roc_auc_score

from firelib import storage
from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.estimators import LabelsEstimator
from firelib.evaluate.outputs import describe_range, sigmoid
from firelib.evaluate.tasks.task import Scores
from firelib.project_layout import Paths
from firelib.tfrecord.format.fixed_decoder import Batch

_THRESHOLD = 0.5
_NAMED_LABELS = 5  # in a note


class MultiLabel:
    """An array of zeros and ones [labels]; scores are the probability of each label [rows, labels].

    Args:
        names: Names of the labels.
    """

    estimator = LabelsEstimator()

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def to_scores(self, outputs: Floats) -> tuple[Floats, str | None]:
        """Take probabilities as they are; apply a sigmoid to other values."""
        count = len(self._names)
        scores = outputs.reshape(-1, 1) if outputs.ndim == 1 else outputs
        if scores.shape[1:] != (count,):
            raise FirelibError(
                f"expected outputs of shape {(count,)} for {count} labels, got {outputs.shape[1:]}",
                where="the recipe's build_model",
                remedy=f"end the model with Dense({count}, activation='sigmoid')",
            )
        invalid = describe_range(scores)
        if not invalid:
            return scores.clip(0, 1), None
        return sigmoid(scores), f"the model returns {invalid}, not probabilities: firelib applied a sigmoid"

    def metrics(self, labels: Labels, scores: Floats) -> dict[str, float]:
        """Compute the metrics that compare models.

        Args:
            labels: 0 or 1 [rows, labels].
            scores: Probabilities [rows, labels].

        Returns:
            `macro_f1` and `micro_f1` at threshold 0.5; `exact_match`, the share of rows in which every label is right;
            `hamming_loss`, the share of wrong labels; `macro_roc_auc`, the mean over the labels that vary, if one does.
        """
        truth, chosen = labels.astype(np.int64), (scores >= _THRESHOLD).astype(np.int64)
        varying = _find_varying(truth)
        ranking = [float(roc_auc_score(truth[:, index], scores[:, index])) for index in varying]
        return {
            **({"macro_roc_auc": float(np.mean(ranking))} if ranking else {}),
            "macro_f1": float(f1_score(truth, chosen, average="macro", zero_division=0)),
            "micro_f1": float(f1_score(truth, chosen, average="micro", zero_division=0)),
            "exact_match": float((truth == chosen).all(axis=1).mean()),
            "hamming_loss": float(hamming_loss(truth, chosen)),
        }

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Name the labels that are the same in all rows: they have no ROC AUC."""
        varying = _find_varying(labels.astype(np.int64))
        constant = [name for index, name in enumerate(self._names) if index not in varying]
        if not constant or not len(labels):
            return []
        shown = ", ".join(constant[:_NAMED_LABELS]) + (" …" if len(constant) > _NAMED_LABELS else "")
        return [f"macro_roc_auc leaves out {len(constant)} labels that are the same in all test rows: {shown}"]

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write precision, recall, F1 and number of rows of each label."""
        del test
        score = scores["model"]
        chosen = np.zeros((0, len(self._names)), int) if score is None else (score >= _THRESHOLD).astype(int)
        truth = labels[: len(chosen)].astype(np.int64).reshape(-1, len(self._names))
        figures = np.zeros((4, len(self._names)))
        if len(truth):
            figures = np.stack(precision_recall_fscore_support(truth, chosen, average=None, zero_division=0))
        storage.write_bytes(
            str(paths.class_metrics),
            storage.to_json(
                {
                    name: {"precision": column[0], "recall": column[1], "f1": column[2], "rows": int(column[3])}
                    for name, column in zip(self._names, figures.T.tolist(), strict=True)
                }
            ),
        )


def _find_varying(labels: Labels) -> list[int]:
    return np.flatnonzero((labels != labels[:1]).any(axis=0)).tolist()
