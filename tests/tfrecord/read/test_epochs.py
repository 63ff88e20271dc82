"""Several epochs in one `tf.data.Dataset`."""

from typing import Any

import numpy as np
import pytest

from firelib import Feature, open_dataset, write_tfrecords
from firelib.tfrecord.read.dataset import Dataset
from tests.errors import refused

ROWS, BATCH = 1000, 64


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("epochs") / "data"
    rows = {"x": np.arange(ROWS, dtype=np.float32), "y": np.arange(ROWS) % 2}
    label = Feature("y", "int64", range=(0, 1))
    write_tfrecords(rows, str(folder), [Feature("x", "float32")], label=label)
    return open_dataset(str(folder))


def read(batches: Any) -> list[list[float]]:
    return [features["x"].tolist() for features, _ in batches.as_numpy_iterator()]


def test_epochs_follow_each_other_in_the_order_of_each(dataset: Dataset) -> None:
    single = [read(dataset.as_tf(BATCH, seed=1, epoch=epoch)) for epoch in range(3)]
    whole = dataset.as_tf(BATCH, seed=1, epochs=3)
    assert len(whole) == 48
    assert read(whole) == [*single[0], *single[1], *single[2]]
    resumed = dataset.as_tf(BATCH, seed=1, epoch=1, epochs=2, start_step=10)
    assert len(resumed) == 22
    assert read(resumed) == single[1][10:] + single[2]


def test_fit_trains_on_these_epochs(dataset: Dataset) -> None:
    """Keras looks at the first batch before it trains, to build the model."""
    import keras

    seen: list[list[float]] = []

    class Recorder(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs["x"][:, None])

        def train_step(self, data: Any) -> Any:
            seen.append(data[0]["x"].numpy().tolist())
            return super().train_step(data)

    model = Recorder()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(dataset.as_tf(BATCH, seed=1, epochs=2), epochs=2, steps_per_epoch=16, verbose=0)
    assert seen == read(dataset.as_tf(BATCH, seed=1, epochs=2))


def test_the_same_epoch_again_is_noted_once(dataset: Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    batches = dataset.as_tf(BATCH, seed=1, epoch=2)
    read(batches)
    assert "again" not in capfd.readouterr().err
    read(batches)
    read(batches)
    assert capfd.readouterr().err.count("epoch 2 is read again") == 1
    in_file_order = dataset.as_tf(BATCH)
    assert read(in_file_order) == read(in_file_order)
    assert "again" not in capfd.readouterr().err


def test_no_epochs(dataset: Dataset) -> None:
    with refused(what=0, where="as_tf"):
        dataset.as_tf(BATCH, epochs=0)
