"""Small exported models of every task, with rows to score."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firelib.recipe import Feature, Recipe, Source
from tests.evaluate.scored import Scored


@dataclass(frozen=True)
class Case:
    """A recipe, rows for it, and what its model gets for them, if the recipe derives features."""

    recipe: Recipe
    rows: list[dict[str, Any]]
    prepared: list[dict[str, Any]] | None = None


class Distances(Scored):
    def prepare(self, rows: Any) -> Any:
        return rows.assign(x=rows["miles"] * 2, word=rows["unit"].str.upper())


X = Feature("x", "float32", nullable=True)
COUNT = Feature("count", "int16", range=(0, 100), nullable=True, missing=-1)
WORD = Feature("word", "string", max_length=4)
PAIR = Feature("pair", "float32", shape=(2,))
IMAGE = Feature("image", "uint8", shape=(2, 3))
WORDS = Feature("words", "string", ragged=True)
TEXT = Feature("text", "string")
BLOB = Feature("blob", "bytes")

CASES = {
    "regression": Case(
        Scored(X, COUNT, PAIR, label=Feature("y", "float32")),
        [
            {"x": 1.5, "count": 3, "pair": [1, 2.5]},
            {"x": None, "count": None, "pair": [0.1, -2]},
            {"x": 1e-3, "count": 100, "pair": [[1, 2]][0]},
        ],
    ),
    "binary": Case(Scored(X, WORD), [{"x": 0.25, "word": "up"}, {"x": -3, "word": "ü"}, {"x": 7, "word": ""}]),
    "classes": Case(
        Scored(IMAGE, label=Feature("kind", "int64", range=(0, 2)), classes=("a", "b", "c")),
        [{"image": [[0, 1, 2], [3, 4, 255]]}, {"image": [[9, 9, 9], [0, 0, 0]]}],
    ),
    "labels": Case(
        Scored(X, WORD, label=Feature("up", "bool", shape=(2,)), classes=("red", "sweet")),
        [{"x": 0.5, "word": "a"}, {"x": 2, "word": "b"}],
    ),
    "ragged": Case(Scored(WORDS, TEXT), [{"words": ["a", "bc"], "text": "one"}, {"words": [], "text": ""}]),
    "prepare": Case(
        Distances(X, WORD, sources={"rows": Source("rows.csv", types={"miles": "float64"})}),
        [{"miles": 100, "unit": "km"}, {"miles": None, "unit": "m"}, {"miles": 0.25, "unit": "ü"}],
        [{"x": 200, "word": "KM"}, {"x": None, "word": "M"}, {"x": 0.5, "word": "Ü"}],
    ),
    "bytes": Case(Scored(BLOB, PAIR), [{"blob": "ab", "pair": [1, 2]}, {"blob": "", "pair": [3, 4.5]}]),
}


def export_case(name: str, folder: Path) -> Case:
    """Export the model of a case into `models/scored`."""
    from firelib.train.export import export

    case = CASES[name]
    export(build(case.recipe), str(folder))
    return case


def build(recipe: Recipe) -> Any:
    """A model with an embedding of every feature, and an output that suits the label."""
    import keras

    keras.utils.set_random_seed(1)
    inputs = {feature.name: _input(feature) for feature in recipe.features}
    joined = [_embed(inputs[feature.name], feature) for feature in recipe.features]
    hidden = keras.layers.Dense(8, activation="tanh")(
        keras.layers.Concatenate()(joined) if len(joined) > 1 else joined[0]
    )
    units, activation, loss = {
        "y": (1, None, "mse"),
        "kind": (3, "softmax", "sparse_categorical_crossentropy"),
    }.get(recipe.label.name, (2 if recipe.label.shape else 1, "sigmoid", "binary_crossentropy"))
    model = keras.Model(inputs, keras.layers.Dense(units, activation=activation)(hidden))
    model.compile(keras.optimizers.Adam(0.1), loss)
    return model


def _input(feature: Feature) -> Any:
    import keras

    dtype = "string" if feature.dtype in ("string", "bytes") else feature.dtype
    return keras.Input(
        (None,) if feature.ragged else feature.shape, name=feature.name, dtype=dtype, ragged=feature.ragged
    )


def _embed(value: Any, feature: Feature) -> Any:
    import keras

    if feature.dtype in ("string", "bytes"):
        index = keras.layers.Hashing(16)(value)
        embedded = keras.layers.Embedding(16, 3)(index)
        # The mean of no words is NaN.
        return keras.ops.nan_to_num(keras.layers.GlobalAveragePooling1D()(embedded)) if feature.ragged else embedded
    number = keras.ops.nan_to_num(keras.ops.cast(value, "float32")) / 100
    return keras.layers.Flatten()(number if feature.shape else number[:, None])
