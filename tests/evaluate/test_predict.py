import math

import numpy as np
import pytest

from firelib.evaluate.input_rows.read import from_json
from firelib.evaluate.predict import predict
from firelib.recipe import Feature
from tests.errors import refused
from tests.evaluate.scored import Scored, json_rows

FEATURES = (
    Feature("number", "float32", range=(0, 10), nullable=True),
    Feature("word", "string", max_length=5),
)
PIXELS = (Feature("image", "uint8", shape=(2, 3)),)


def test_missing_model(tmp_path):
    with refused(what=tmp_path, where=tmp_path, remedy="firelib train"):
        predict(json_rows([{"number": 1, "word": "up"}], *FEATURES), Scored(*FEATURES), tmp_path)


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory):
    """Save a model with three outputs: the share of each column in the sum of all pixels."""
    import keras

    folder = tmp_path_factory.mktemp("model")
    image = keras.Input((2, 3), name="image", dtype="uint8")
    sums = keras.ops.sum(keras.ops.cast(image, "float32"), axis=1)
    keras.Model({"image": image}, sums / keras.ops.sum(sums, axis=1, keepdims=True)).save(folder / "model.keras")
    return folder


@pytest.mark.parametrize("image", [[[1, 0, 0], [0, 2, 1]], [1, 0, 0, 0, 2, 1]])
@pytest.mark.parametrize(("classes", "order"), [(("a", "b", "c"), ["b", "a", "c"]), ((), ["1", "0", "2"])])
def test_classes_come_by_decreasing_probability(three_classes, image, classes, order):
    recipe = Scored(*PIXELS, label=Feature("kind", "int64", range=(0, 2)), classes=classes)
    named = predict(json_rows([{"image": image}], *PIXELS), recipe, three_classes)[0]["kind"]
    assert list(named.items()) == list(zip(order, [0.5, 0.25, 0.25], strict=True))


KINDS = (
    Feature("text", "string"),
    Feature("blob", "bytes", optional=True),
    Feature("steps", "int64", ragged=True),
    Feature("wide", "uint64"),
    Feature("flag", "bool"),
    Feature("maybe", "float32", optional=True),
    Feature("pair", "float32", shape=(2,), optional=True),
    Feature("half", "bfloat16"),
    Feature("unused", "string", ragged=True),
)


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory):
    """Save a model whose output is a logit: the number `wide`."""
    import keras

    inputs = {
        feature.name: keras.Input(
            (None,) if feature.ragged else feature.shape,
            name=feature.name,
            dtype="string" if feature.dtype in ("string", "bytes") else feature.dtype,
            ragged=feature.ragged,
        )
        for feature in KINDS
        if feature.name != "unused"
    }
    folder = tmp_path_factory.mktemp("model")
    model = keras.Model(inputs, keras.ops.cast(inputs["wide"], "float32")[:, None])
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    model.save(folder / "model.keras")
    return folder


def test_scores_every_kind_and_passes_other_columns_on(every_kind):
    row = {"id": 7, "up": 1, "text": "a", "blob": "b", "steps": [1, 2], "wide": 0, "flag": True, "half": 1.5}
    row |= {"unused": [], "note": None}
    recipe = Scored(*KINDS)
    rows = from_json([row, {**row, "id": 8, "wide": 3, "blob": None, "pair": [1, 2]}], recipe, "here")
    first, second = predict(rows, recipe, every_kind)
    assert first == {"id": 7, "up_actual": 1, "note": None, "up": 0.5}
    assert second["id"] == 8
    assert second["up"] == pytest.approx(1 / (1 + np.exp(-3)))


def test_outputs_for_a_class_are_probabilities(three_classes, tmp_path):
    import keras

    number = keras.Input((), name="number")
    keras.Model({"number": number}, number[:, None] * 3).save(tmp_path / "model.keras")
    feature = Feature("number", "float32")
    with refused(what="-3 to 6", where="build_model", remedy="from_logits=True"):
        predict(json_rows([{"number": -1}, {"number": 2}], feature), Scored(feature), tmp_path)
    estimate = Scored(feature, label=Feature("price", "float32"))
    assert predict(json_rows([{"number": 2}], feature), estimate, tmp_path) == [{"price": 6.0}]


@pytest.mark.parametrize("shape", [(), (1,), (2,), (2, 2), (3, 1)])
def test_numbers_have_the_shape_of_the_label(tmp_path, shape):
    import keras

    number, size = keras.Input((), name="number"), math.prod(shape)
    outputs = keras.layers.Reshape(shape or (1,))(number[:, None] * keras.ops.arange(1.0, size + 1)[None])
    keras.Model({"number": number}, outputs).save(tmp_path / "model.keras")
    feature, label = Feature("number", "float32"), Feature("up", "float32", shape=shape)
    (made,) = predict(json_rows([{"number": 2}], feature), Scored(feature, label=label), tmp_path)
    expected = (np.arange(1.0, size + 1) * 2).reshape(shape).tolist()
    assert made["up"] == (expected[0] if shape == (1,) else expected)


def test_several_labels_are_probabilities(tmp_path):
    import keras

    number = keras.Input((), name="number")
    keras.Model({"number": number}, number[:, None] * np.float32([[0.25, 0.5]])).save(tmp_path / "model.keras")
    feature = Feature("number", "float32")
    recipe = Scored(feature, label=Feature("up", "bool", shape=(2,)), classes=("red", "sweet"))
    (made,) = predict(json_rows([{"number": 1}], feature), recipe, tmp_path)
    assert list(made["up"].items()) == [("sweet", 0.5), ("red", 0.25)]
    with refused(what="1.5 to 3", where="build_model", remedy="sigmoid"):
        predict(json_rows([{"number": 6}], feature), recipe, tmp_path)
