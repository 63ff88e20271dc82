"""Part two of the check: build the model, train one step, save it, load it again."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firelib.check.description import Description, has_valid_rows
from firelib.check.finding import Finding, format_trace, grade
from firelib.check.model.fitted_sample import describe_run, fit_declarations, fit_sample
from firelib.check.model.values import explain_bounded_output, explain_no_probabilities, find_first_not_finite
from firelib.console import Advance, progress
from firelib.data.frames.transform_errors import locate
from firelib.errors import FirelibError, did_you_mean
from firelib.evaluate.load_model import load_model
from firelib.evaluate.model_inputs import to_model_inputs
from firelib.keras_import import import_keras
from firelib.recipe import Recipe
from firelib.recipe.loading import suggest_move
from firelib.recipe.locations import call_line, declaration_line, layer_line, output_line, quoted_line
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.export import export
from firelib.train.keras_types import Model
from firelib.train.model.builder import build_model
from firelib.train.model.checks import find_refusals
from firelib.train.model.losses import build_row_loss, compute_metrics, match_rank
from firelib.train.model.refusal import Refusal, failed_layer, first_line
from firelib.train.run_spec import RunSpec
from firelib.train.worker.callbacks import Callbacks
from firelib.train.worker.finite_loss import suspect_features

_PART = "build_model"
_QUOTED = re.compile(r"'([^']+)'")
_LARGE_SHARE = 0.5  # of the rows, whose labels a model cannot reach
_TOLERANCE = 1e-3  # relative: a model that is loaded again computes the same, up to rounding


@dataclass
class CheckedModel:
    """Result of the check of a model.

    Attributes:
        findings: What is wrong.
        parameters: Number of the model's weights; None if it was not built.
        seconds: Duration.
    """

    findings: list[Finding] = field(default_factory=list)
    parameters: int | None = None
    seconds: float = 0.0


def check_model(description: Description) -> CheckedModel:
    """Check the model of a project; without valid rows, only build it, with statistics from the declarations.

    Args:
        description: Result of part one, with valid parameters and a recipe (`explain_obstacle`).
    """
    begun = time.perf_counter()
    found = CheckedModel()
    with progress("check", None) as advance:
        advance(0, note="importing TensorFlow")
        import_keras()
        _ModelCheck(description, found, advance).run()
    found.seconds = time.perf_counter() - begun
    return found


class _ModelCheck:
    """The steps of the check; each needs the ones before it."""

    def __init__(self, description: Description, found: CheckedModel, advance: Advance) -> None:
        assert description.recipe
        self._recipe: Recipe = description.recipe
        self._file, self._configuration = description.file, description.configuration
        self._found, self._advance = found, advance
        self._spec: RunSpec = describe_run(self._recipe, self._configuration)
        self._manifest: Manifest = fit_declarations(self._recipe)
        self._has_rows = has_valid_rows(description)
        if description.checked and description.checked.valid is not None and self._has_rows:
            self._manifest = fit_sample(description.checked, self._recipe)
            columns = to_columns(description.checked.valid, [*self._recipe.features, self._recipe.label])
            self._inputs = _to_tensors(to_model_inputs(columns, self._recipe.features))
            self._labels = columns[self._recipe.label.name]

    def run(self) -> None:
        import keras

        keras.utils.set_random_seed(self._spec.params.train.seed)
        self._advance(0, note="building the model")
        model = self._try(lambda: build_model(self._spec, self._manifest), declaration_line)
        if model is None:
            return
        refusals = list(find_refusals(model, self._spec, self._manifest, self._spec.params.train.workers))
        self._found.findings += [self._explain(refusal) for refusal in refusals]
        self._found.findings += self._check_callbacks(model)
        if refusals:
            return
        self._found.parameters = int(model.count_params())
        if not self._has_rows:
            return
        self._advance(0, note="one step of training")
        if self._check_step(model) and self._check_predictions(model):
            self._advance(0, note="saving and loading the model")
            self._check_saved(model)

    def _try(self, call: "Callable[[], Any]", fallback: "Callable[[str, str], int | None]") -> Any:
        """The result of a call of the user's code; None, and a finding, if it fails."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001  the recipe is the user's code
            cause = error.__cause__ if isinstance(error, FirelibError) and error.__cause__ else error
            line = locate(error, self._file) or self._layer_line(failed_layer(cause))
            line = line or (fallback(self._file, _PART) if self._file else None)
            what = f"{_PART}: {type(cause).__name__}: {first_line(cause)}"  # type: ignore[arg-type]
            if isinstance(cause, KeyError):
                what = f"{_PART} reads {cause}, which is neither a feature nor a parameter"
            remedy = "correct build_model, or section `model` of params.yaml"
            if isinstance(cause, ModuleNotFoundError) and self._file:
                remedy = suggest_move(str(cause.name), Path(self._file)) or remedy
            if isinstance(cause, KeyError) and cause.args:
                remedy = did_you_mean(str(cause.args[0]), [*self._manifest.fitted, *self._spec.model_params])
            self._found.findings.append(
                Finding("error", "model", what, remedy, self._file, line, trace=format_trace(error))
            )
            return None

    def _explain(self, refusal: Refusal) -> Finding:
        return Finding("error", "model", refusal.what, refusal.remedy, self._file, self._find_line(refusal.what))

    def _find_line(self, what: str) -> int | None:
        """The line that a refusal is about: of a name in it, of the output, of `compile`, of `build_model`."""
        if self._file is None:
            return None
        if "output" in what:
            line = output_line(self._file) or call_line(self._file, _PART, "compile")
        elif what.startswith(("metric", "loss", "firelib does not apply", "expected one loss")):
            line = quoted_line(self._file, _PART, _names(what)) or call_line(self._file, _PART, "compile")
        else:
            line = quoted_line(self._file, _PART, _names(what))
        return line or declaration_line(self._file, _PART)

    def _check_callbacks(self, model: Model) -> Iterator[Finding]:
        settings = self._spec.params.train
        scheduled = settings.schedule.kind != "constant" or settings.schedule.warmup_steps > 0
        try:
            Callbacks(list(self._recipe.callbacks(self._spec.model_params)), model, settings.epochs, scheduled)
        except Exception as error:  # noqa: BLE001  the recipe is the user's code
            what = error.what if isinstance(error, FirelibError) else f"callbacks: {type(error).__name__}: {error}"
            remedy = (error.remedy if isinstance(error, FirelibError) else None) or "correct callbacks"
            line = locate(error, self._file) or (declaration_line(self._file, "callbacks") if self._file else None)
            yield Finding("error", "model", what, remedy, self._file, line)

    def _check_step(self, model: Model) -> bool:
        result = self._try(lambda: self._train_step(model), _output_or_part)
        if result is None:
            return False
        loss, lost = result
        if not np.isfinite(loss):
            self._found.findings.append(self._explain_loss(model, loss))
        if lost:
            what = f"no gradient reaches {', '.join(lost)}: these weights would never be trained"
            remedy = "connect their layers to the output by operations that have a gradient (not argmax, round, cast)"
            severity = grade(len(lost) == len(model.trainable_variables))
            line = self._file and declaration_line(self._file, _PART)
            self._found.findings.append(Finding(severity, "model", what, remedy, self._file, line or None))
        return bool(np.isfinite(loss))

    def _explain_loss(self, model: Model, loss: float) -> Finding:
        what = f"expected a finite loss on the first rows, got {loss}"
        remedy = f"{suspect_features(self._manifest)}or check the loss and the last layer"
        line = self._file and call_line(self._file, _PART, "compile")
        operation = find_first_not_finite(model, self._batch(model))
        if operation and operation.kind != "InputLayer":
            what += f": operation {operation.name!r} ({operation.kind}) is the first whose values are not finite"
            remedy = "mend what it is given: no logarithm of 0, no division by 0, no missing value (NaN)"
            line = self._layer_line(operation.kind, operation.name) or line
        return Finding("error", "model", what, remedy, self._file, line or None, str(loss))

    def _layer_line(self, kind: str | None, name: str = "") -> int | None:
        return layer_line(self._file, kind, name) if self._file and kind else None

    def _train_step(self, model: Model) -> tuple[float, list[str]]:
        """Loss of the rows, and the weights that get no gradient."""
        import tensorflow as tf

        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            losses = build_row_loss(model)(tf.convert_to_tensor(self._labels), model(self._batch(model), training=True))
            loss = tf.reduce_mean(losses)
            if model.losses:
                loss += tf.add_n(model.losses)
        gradients = tape.gradient(loss, variables)
        lost = [variable.path for variable, gradient in zip(variables, gradients, strict=True) if gradient is None]
        return float(loss), lost

    def _batch(self, model: Model) -> Any:
        names = list(model.input) if isinstance(model.input, dict) else None
        return self._inputs if names is None else {name: self._inputs[name] for name in names}

    def _check_predictions(self, model: Model) -> bool:
        """Check the range of the predictions, and the metric that selects the best epoch."""
        import tensorflow as tf

        wanted = self._spec.params.train.early_stopping.metric
        labels, predictions = tf.convert_to_tensor(self._labels), model(self._batch(model))
        if problem := explain_no_probabilities(model, np.asarray(predictions), self._recipe.label):
            what = f"the output of the model is no probability, which its loss expects: {problem}"
            remedy = "end the model with a sigmoid or a softmax, or compile its loss with from_logits=True"
            line = self._file and (output_line(self._file) or call_line(self._file, _PART, "compile"))
            self._found.findings.append(Finding("error", "model", what, remedy, self._file, line or None))
        if bounds := explain_bounded_output(model, self._labels, self._recipe.label):
            line = self._file and (output_line(self._file) or call_line(self._file, _PART, "compile"))
            remedy = "end the model with a layer without activation, or scale the label in transform"
            severity = grade(bounds.outside > _LARGE_SHARE)
            self._found.findings.append(Finding(severity, "model", bounds.what, remedy, self._file, line or None))
        known = compute_metrics(model, match_rank(labels, predictions), predictions)
        self._check_monitors(known)
        if wanted not in known:
            name = "train.early_stopping.metric"
            what = f"{name}: the model has no metric {wanted!r}"
            file, line = str(self._configuration.file), self._configuration.line(name)
            remedy = did_you_mean(wanted, known)
            self._found.findings.append(Finding("error", "configuration", what, remedy, file, line, wanted))
        return True

    def _check_monitors(self, known: Mapping[str, float]) -> None:
        """Check that the metrics exist which callbacks watch."""
        names = {"loss", *known}
        for callback in self._recipe.callbacks(self._spec.model_params):
            monitor = getattr(callback, "monitor", None)
            if isinstance(monitor, str) and monitor not in names:
                what = f"{type(callback).__name__} watches {monitor!r}, which training does not report"
                line = self._file and (
                    quoted_line(self._file, "callbacks", (monitor,)) or declaration_line(self._file, "callbacks")
                )
                severity = grade(type(callback).__module__.startswith("keras."))  # others may use the name otherwise
                remedy = did_you_mean(monitor, names)
                self._found.findings.append(Finding(severity, "model", what, remedy, self._file, line or None, monitor))

    def _check_saved(self, model: Model) -> None:
        with tempfile.TemporaryDirectory() as folder:
            loaded = self._try(lambda: _save_and_load(model, folder), declaration_line)
            if loaded is None:
                return
            before, after = model(self._batch(model)), self._try(lambda: loaded(self._batch(model)), declaration_line)
        if after is None or np.allclose(before, after, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            return
        what = "the model gives other predictions after it is saved and loaded"
        remedy = "let get_config of your layers return all arguments, and keep no state outside of weights"
        line = declaration_line(self._file, _PART) if self._file else None
        self._found.findings.append(Finding("error", "model", what, remedy, self._file, line))


def _to_tensors(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as training feeds them: all are tensors, because Keras refuses arrays beside ragged tensors."""
    import tensorflow as tf

    return {name: value if tf.is_tensor(value) else tf.convert_to_tensor(value) for name, value in inputs.items()}


def _output_or_part(file: str, part: str) -> int | None:
    return output_line(file, part) or declaration_line(file, part)


def _save_and_load(model: Model, folder: str) -> Any:
    export(model, folder)
    return load_model(Path(folder))


def _names(what: str) -> tuple[str, ...]:
    """Names in quotes; of the path of a layer, its last part, too."""
    quoted = _QUOTED.findall(what)
    return (*quoted, *(name.rpartition("/")[2] for name in quoted))
