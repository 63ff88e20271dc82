"""What a model may contain, on two workers without Ray: refused before the first step, or trained and named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from firelib.evaluate.model import TrainedModel
from firelib.recipe import FittedFeature
from tests.train.local_group import Run, train_locally
from tests.train.toy import Toy, toy_params

pytestmark = pytest.mark.integration


class Layered(Toy):
    """The number, through one layer that the parameter `layer` names."""

    parameters: ClassVar = {"layer": ""}

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:
        import keras

        number = keras.Input((), name="number", dtype="float32")
        known = keras.ops.where(keras.ops.isnan(number), 0.0, number)[:, None]
        hidden = make_layer(params["layer"])(keras.layers.Dense(4, activation="tanh")(known))
        output = keras.layers.Dense(1, activation="sigmoid")(hidden)
        model = keras.Model({"number": number}, output)
        model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy", metrics=["AUC"])
        return model


def make_layer(name: str) -> Any:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2.0 * x

    class Counter(keras.layers.Layer):
        """Keeps the first value that this worker sees."""

        def build(self, shape):
            self.seen = self.add_weight(
                shape=(), name="seen", initializer="zeros", trainable=False, aggregation="only_first_replica"
            )

        def call(self, x, training=False):
            if training:
                self.seen.assign(keras.ops.sum(x))
            return x

    return {
        "own": Twice,
        "lambda": lambda: keras.layers.Lambda(lambda x: 2.0 * x, output_shape=(4,)),
        "norm": lambda: keras.layers.BatchNormalization(name="norm"),
        "synchronized": lambda: keras.layers.BatchNormalization(synchronized=True),
        "state": lambda: Counter(name="counter"),
        "dropout": lambda: keras.layers.Dropout(0.2, name="drop"),
        "infinite": lambda: keras.layers.Lambda(lambda x: x / 0.0, output_shape=(4,)),
    }[name]()


KINDS = ("own", "lambda", "norm", "synchronized", "state", "dropout", "infinite")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    runs = [
        Run(toy_params(epochs=2, layer=kind), Layered(), folder=kind, export=kind in ("own", "lambda"))
        for kind in KINDS
    ]
    return dict(zip(KINDS, train_locally(tmp_path_factory.mktemp("models"), runs, workers=2), strict=True))


@pytest.mark.parametrize("kind", ["synchronized", "dropout", "own", "lambda"])
def test_model_is_trained(outcomes: Mapping[str, Any], kind: str) -> None:
    assert outcomes[kind].error is None
    assert outcomes[kind].losses[-1] < outcomes[kind].losses[0]


def test_batch_normalisation_of_each_worker_is_refused_before_the_first_step(outcomes: Mapping[str, Any]) -> None:
    error = outcomes["norm"].error
    assert "'norm'" in error.what
    assert "synchronized=True" in error.remedy
    assert outcomes["norm"].progress is None


def test_state_that_differs_between_workers_is_named_after_the_first_step(outcomes: Mapping[str, Any]) -> None:
    error = outcomes["state"].error
    assert "counter/seen" in error.what
    assert "step 1:" in error.what


def test_dropout_is_named_at_the_start(outcomes: Mapping[str, Any]) -> None:
    (note,) = (note for note in outcomes["dropout"].notes if "train.workers" in note)
    assert "drop" in note


def test_infinite_loss_names_the_feature_of_standard_deviation_0(outcomes: Mapping[str, Any]) -> None:
    assert "number" in outcomes["infinite"].error.remedy


@pytest.mark.parametrize("kind", ["own", "lambda"])
def test_exported_model_scores_without_the_code_of_its_layers(outcomes: Mapping[str, Any], kind: str) -> None:
    model = TrainedModel(Path(outcomes[kind].spec.export_uri))
    number = np.linspace(-1, 1, 5, dtype=np.float32)
    hidden, last = outcomes[kind].weights[:2], outcomes[kind].weights[2:]
    expected = 1 / (1 + np.exp(-(2 * np.tanh(number[:, None] @ hidden[0] + hidden[1]) @ last[0] + last[1])))
    scores = model.predict({"number": number, "word": np.array([b"up"] * 5)})
    np.testing.assert_allclose(scores, expected[:, 0], rtol=1e-5)
    assert model.inputs == ["number"]
