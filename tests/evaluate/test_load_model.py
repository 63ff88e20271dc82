from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firelib.evaluate.model import TrainedModel
from firelib.train.export import export
from tests.errors import refused

FEATURES = {
    "a_number": np.array([1, 2, 3], np.int64),
    "word": np.array([b"a", b"b", b"c"]),
    "unused": np.zeros((3, 2), np.float32),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """An exported model that Keras refuses to load, and its scores."""
    import keras

    number, word = keras.Input((1,), name="a_number"), keras.Input((), name="word", dtype="string")
    index = keras.layers.StringLookup(vocabulary=["a", "b"])(word)
    total = keras.layers.Lambda(lambda pair: pair[0] + pair[1][:, None], output_shape=(1,))(
        [number, keras.ops.cast(index, "float32")]
    )
    model = keras.Model([number, word], total)
    model.compile("adam", "mse")
    folder = tmp_path_factory.mktemp("exported")
    export(model, str(folder))
    return folder, [2.0, 4.0, 3.0]


def test_model_that_keras_refuses_is_served(exported: tuple[Path, list[float]]) -> None:
    folder, expected = exported
    model = TrainedModel(folder)
    assert set(model.inputs) == {"a_number", "word"}
    assert model.predict(FEATURES).tolist() == expected


def test_model_that_nothing_can_load_is_named(exported: tuple[Path, list[float]], tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes((exported[0] / "model.keras").read_bytes())
    with refused(what=tmp_path / "model.keras", remedy=[tmp_path / "saved_model", "firelib train"]):
        TrainedModel(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn"])
def test_damaged_model_is_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "model.keras").write_bytes(content)
    with refused(what=[tmp_path / "model.keras", "damaged"], remedy="dvc checkout"):
        TrainedModel(tmp_path)
