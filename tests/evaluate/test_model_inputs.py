import numpy as np
import pytest

from firelib import open_dataset, write_tfrecords
from firelib.evaluate.model_inputs import to_model_inputs
from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import to_columns

FEATURES = (
    Feature("text", "string"),
    Feature("word", "string", max_length=4),
    Feature("blob", "bytes", optional=True),
    Feature("steps", "int64", ragged=True),
    Feature("tags", "string", ragged=True),
    Feature("weights", "bfloat16", ragged=True),
    Feature("wide", "uint64", optional=True),
    Feature("maybe", "float32", optional=True),
    Feature("pair", "float32", shape=(2,), optional=True),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    import pyarrow as pa

    table = pa.table(
        {
            "text": ["a", "", "ü"],
            "word": ["up", "left", ""],
            "blob": pa.array([b"\0x", None, b""], pa.binary()),
            "steps": pa.array([[1, 2], [], [3]]),
            "tags": pa.array([["a", "bc"], [], [""]]),
            "weights": pa.array([[1.5], [], [2.0, 3.0]], pa.list_(pa.float32())),
            "wide": pa.array([2**64 - 1, None, 1], pa.uint64()),
            "maybe": pa.array([1.5, None, 2.5]),
            "pair": pa.array([[1.0, 2.0], None, [3.0, 4.0]]),
        }
    )
    folder = tmp_path_factory.mktemp("data") / "dataset"
    write_tfrecords(table, str(folder), FEATURES)
    return table, open_dataset(str(folder))


def test_evaluation_and_prediction_feed_what_training_feeds(written):
    """The columns of a dataset and of raw rows both become the tensors that training takes."""
    table, dataset = written
    trained = next(iter(dataset.as_tf(batch_size=3)))
    for columns in (dataset.as_numpy("train"), to_columns(table, FEATURES)):
        made = to_model_inputs(columns, FEATURES)
        for feature in FEATURES:
            expected, actual = trained[feature.name], made[feature.name]
            if feature.ragged:
                assert actual.dtype == expected.dtype, feature
                assert actual.to_list() == expected.to_list(), feature
            elif feature.dtype in ("string", "bytes"):
                assert [bytes(value) for value in actual] == expected.numpy().tolist(), feature
            else:
                np.testing.assert_array_equal(actual, expected.numpy(), str(feature))
