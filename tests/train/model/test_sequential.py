from typing import Any

import numpy as np
import pytest

from firelib.recipe import Feature, FittedFeature
from firelib.train.model.sequential import name_inputs

X = {"x": FittedFeature(Feature("x", "float32"))}
XY = {**X, "y": FittedFeature(Feature("y", "float32", shape=(2,)))}
ROWS = {"x": np.ones(3, np.float32), "y": np.ones((3, 2), np.float32)}


def compiled(*layers: Any) -> Any:
    import keras

    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def test_the_only_feature_is_the_input_whatever_its_name() -> None:
    import keras

    model = name_inputs(compiled(keras.Input((1,))), X)
    assert list(model.input) == ["x"]
    assert model({"x": ROWS["x"]}).shape == (3, 1)
    assert (model.loss, type(model.optimizer).__name__) == ("binary_crossentropy", "SGD")
    assert "accuracy" in model.compute_metrics(None, np.ones((3, 1)), model({"x": ROWS["x"]}))


def test_a_model_without_an_input_takes_the_only_feature() -> None:
    assert list(name_inputs(compiled(), X).input) == ["x"]


def test_an_input_with_the_name_of_one_of_several_features() -> None:
    import keras

    model = name_inputs(compiled(keras.Input((2,), name="y")), XY)
    assert list(model.input) == ["y"]


def test_a_first_layer_that_takes_all_features() -> None:
    import keras

    class Join(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any) -> Any:
            return keras.ops.concatenate([inputs["x"], inputs["y"]], axis=-1)

    model = name_inputs(compiled(Join()), XY)
    assert sorted(model.input) == ["x", "y"]
    assert model(ROWS).shape == (3, 1)


@pytest.mark.parametrize("shape", [None, (1,)])
def test_an_unclear_input_stays_for_the_checks_to_refuse(shape: Any) -> None:
    import keras

    model = compiled(*([keras.Input(shape)] if shape else []))
    assert name_inputs(model, XY) is model


def test_other_models_stay_as_they_are() -> None:
    assert name_inputs("model", X) == "model"
