"""A number to estimate: errors, predicted against actual values, and the rows with the largest errors."""

import csv
import io
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, r2_score, root_mean_squared_error

from firelib import storage
from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.estimators import NumberEstimator
from firelib.evaluate.tasks.regression_plots import draw_predicted, draw_residuals
from firelib.evaluate.tasks.task import Scores
from firelib.project_layout import Paths
from firelib.recipe import FLOATS, INTEGERS, Feature
from firelib.tfrecord.format.fixed_decoder import Batch

_WORST_ROWS = 25


class Regression:
    """A number or an array of numbers; scores are the predicted numbers, in the shape of the label.

    Args:
        label: The label.
        features: The features; those that are numbers or text appear beside the largest errors.
    """

    def __init__(self, label: Feature, features: Sequence[Feature]) -> None:
        self.estimator = NumberEstimator(is_single=not label.shape)
        self._label = label
        self._shown = [feature for feature in features if _can_show(feature)]

    def to_scores(self, outputs: Floats) -> tuple[Floats, str | None]:
        """Take the outputs as they are, in the shape of the label."""
        shape = self._label.shape
        if outputs.shape[1:] != shape and (shape != (1,) or outputs.ndim != 1):
            count = int(np.prod(outputs.shape[1:]))
            raise FirelibError(
                f"expected outputs of shape {shape} for label {self._label.name!r}, got {outputs.shape[1:]}",
                where="the recipe's build_model",
                remedy=f"end the model with Dense({int(np.prod(shape))}); if the label is one of {count} classes, "
                f"declare it with range=(0, {count - 1})",
            )
        return outputs.reshape(len(outputs), *shape), None

    def metrics(self, labels: Labels, scores: Floats) -> dict[str, float]:
        """Compute the metrics that compare models; those of an array are means over its elements.

        Args:
            labels: Numbers [rows, …].
            scores: Predicted numbers [rows, …].

        Returns:
            `mae` and `rmse` in the label's unit; `r2`, 1 for a perfect model and 0 for the mean of the test rows, if
            the labels vary; `mape`, a share of the actual value, if no label is 0.
        """
        actual, predicted = _flatten(labels), _flatten(scores)
        return {
            "mae": float(mean_absolute_error(actual, predicted)),
            "rmse": float(root_mean_squared_error(actual, predicted)),
            **({"r2": float(r2_score(actual, predicted))} if _varies(actual) else {}),
            **({"mape": float(mean_absolute_percentage_error(actual, predicted))} if (actual != 0).all() else {}),
        }

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Say why there is no R² or MAPE, and that a label of zeros and ones may be a class."""
        if not len(labels):
            return []
        actual, gaps = _flatten(labels), []
        if not _varies(actual):
            gaps.append(f"no r2: the label is the same in all {len(actual)} test rows")
        zeros = int((actual == 0).any(axis=1).sum())
        if zeros:
            gaps.append(f"no mape: the label is 0 in {zeros} of {len(actual)} test rows")
        if np.isin(actual, (0, 1)).all():
            gaps.append(
                f"label {self._label.name!r} holds only 0 and 1, but is evaluated as a number: for a class, declare "
                "an integer with range=(0, 1)"
            )
        return gaps

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write plots of the model's predictions and residuals, and the rows with its largest errors."""
        score = scores["model"]
        actual = _flatten(labels if score is not None else labels[:0])
        predicted = _flatten(score) if score is not None else actual
        title = f"{paths.recipe}: {self._label.name}, {len(actual):,} test rows"
        draw_predicted(actual, predicted, title, paths.plots / "predicted.png")
        draw_residuals(actual, predicted, title, paths.plots / "residuals.png")
        self._write_worst(actual, predicted, test, paths)

    def _write_worst(self, actual: Floats, predicted: Floats, test: Batch, paths: Paths) -> None:
        """Write the rows with the largest errors; `row` is the index in the test split."""
        error = np.abs(predicted - actual).max(axis=1) if actual.size else np.zeros(0)
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["row", "actual", "predicted", *(feature.name for feature in self._shown)])
        for row in np.argsort(-error, kind="stable")[:_WORST_ROWS].tolist():
            values = [_to_text(test[feature.name][row]) for feature in self._shown]
            table.writerow([row, _to_text(actual[row]), _to_text(predicted[row]), *values])
        storage.write_bytes(str(paths.plots / "worst_rows.csv"), text.getvalue().encode())


def _can_show(feature: Feature) -> bool:
    return not feature.shape and not feature.ragged and feature.dtype in FLOATS | INTEGERS | {"bool", "string"}


def _flatten(values: Labels) -> Floats:
    """Numbers [rows, numbers]."""
    return values.astype(np.float64).reshape(len(values), int(np.prod(values.shape[1:])))


def _varies(values: Floats) -> bool:
    return bool((values != values[:1]).any())


def _to_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode(errors="backslashreplace")
    if isinstance(value, np.ndarray):
        return " ".join(map(_to_text, value.tolist()))
    return f"{value:.6g}" if isinstance(value, float | np.floating) else "" if value is None else str(value)
