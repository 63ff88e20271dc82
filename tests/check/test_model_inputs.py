"""The check feeds a model with features of every kind, as training does."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.check.finding import has_errors
from firelib.check.model.check_model import check_model
from tests.check.signs import PARAMS, describe

RECIPE = """\
from firelib.recipe import Feature, Source, rows

name = "kinds"
sources = {"rows": Source("rows.parquet")}
features = (
    Feature("number", "float32", nullable=True),
    Feature("clicks", "float32", ragged=True),
    Feature("visits", "int64", ragged=True),
    Feature("words", "string", ragged=True),
    Feature("vector", "float32", shape=(2, 3)),
    Feature("blob", "bytes"),
    Feature("flag", "bool"),
    Feature("text", "string"),
    Feature("code", "string", max_length=4),
)
label = Feature("positive", "int64", range=(0, 1))
key = ("id",)
parameters = {"width": 4}


@rows
def transform(rows):
    return rows


def build_model(features, params):
    import keras
    from firelib.layers import encode_inputs

    inputs, hidden = encode_inputs(features, params["width"])
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    return model
"""
ROWS = 250


def test_features_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras refuses ragged tensors beside NumPy arrays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.py").write_text(RECIPE)
    (tmp_path / "params.yaml").write_text(PARAMS)
    columns = {
        "id": [*range(ROWS)],
        "number": [None, *(0.5 * i for i in range(1, ROWS))],
        "clicks": [[float(i)] * (i % 3) for i in range(ROWS)],
        "visits": [[i] * (i % 4) for i in range(ROWS)],
        "words": [["a", "b"][: i % 3] for i in range(ROWS)],
        "vector": [[float(i + j) for j in range(6)] for i in range(ROWS)],
        "blob": [b"\xff\x00" * (i % 2) for i in range(ROWS)],
        "flag": [i % 2 == 0 for i in range(ROWS)],
        "text": ["long text"] * ROWS,
        "code": ["abc"[i % 3] for i in range(ROWS)],
        "positive": [i % 2 for i in range(ROWS)],
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    description = describe(tmp_path)
    assert not has_errors(description.findings)  # features made of the label tell it
    assert check_model(description).findings == []
