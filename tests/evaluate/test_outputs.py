import numpy as np
import pytest

from firelib.evaluate.outputs import apply_activation, find_logits_loss, sigmoid, softmax, to_probabilities
from tests.errors import refused


def test_single_output_and_two_outputs():
    both, note = to_probabilities(np.array([0.2, 0.9]), 2)
    np.testing.assert_allclose(both, [[0.8, 0.2], [0.1, 0.9]])
    assert note is None
    again, note = to_probabilities(both.astype("f4"), 2)
    np.testing.assert_allclose(again, both, rtol=1e-6)
    assert note is None


@pytest.mark.parametrize(("outputs", "shape"), [(np.zeros(4), "()"), (np.zeros((4, 2)), "(2,)")])
def test_outputs_of_another_shape(outputs, shape):
    with refused(what=[shape, "3 classes"], where="build_model", remedy="Dense(3, activation='softmax')"):
        to_probabilities(outputs, 3)


@pytest.mark.parametrize(
    ("outputs", "classes", "parts"),
    [
        ([-9.0, 8.0], 2, ["-9 to 8", "sigmoid"]),
        ([0.5, 1.5], 2, ["0.5 to 1.5", "sigmoid"]),
        ([[3.0, -4.0, 2.0]], 3, ["-4 to 3", "softmax"]),
        ([[0.9, 0.9, 0.1]], 3, ["1.9 to 1.9", "softmax"]),
        ([[0.0, 0.0, 0.0]], 3, ["0 to 0", "softmax"]),
    ],
)
def test_other_outputs_are_converted_with_a_note(outputs, classes, parts):
    made, note = to_probabilities(np.array(outputs), classes)
    np.testing.assert_allclose(made.sum(axis=1), 1)
    assert all(part in note for part in parts)
    assert (made.argmax(axis=1) == (np.array(outputs) > 0 if classes == 2 else np.argmax(outputs, axis=1))).all()


def test_estimates_of_probabilities_are_clipped():
    """As of a model without an activation, trained with the squared error."""
    made, note = to_probabilities(np.array([0.1, 0.9, -0.001, 1.2, 0.5]), 2)
    assert made[:, 1].tolist() == [0.1, 0.9, 0, 1, 0.5]
    assert "clipped" in note


def test_rounding_above_one_is_removed():
    made, note = to_probabilities(np.array([0.5, 1.0005]), 2)
    assert made.max() == 1
    assert note is None


def test_activations_do_not_overflow():
    with np.errstate(over="raise", invalid="raise"):
        assert sigmoid(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]
        assert softmax(np.array([[1e4, 0.0], [0.0, 0.0]])).tolist() == [[1, 0], [0.5, 0.5]]


def losses():
    import keras

    class Own(keras.losses.BinaryCrossentropy):
        pass

    yield Own(from_logits=True), None
    yield keras.losses.BinaryCrossentropy(from_logits=True), "BinaryCrossentropy"
    yield keras.losses.SparseCategoricalCrossentropy(from_logits=True), "SparseCategoricalCrossentropy"
    yield [keras.losses.BinaryFocalCrossentropy(from_logits=True)], "BinaryFocalCrossentropy"
    yield keras.losses.BinaryCrossentropy(), None
    yield "binary_crossentropy", None
    yield None, None


def test_loss_tells_whether_outputs_are_logits(tmp_path):
    import keras

    for loss, name in losses():
        number = keras.Input((), name="number")
        model = keras.Model({"number": number}, number[:, None])
        if loss is not None:
            model.compile(loss=loss)
        model.save(tmp_path / "model.keras")
        assert find_logits_loss(tmp_path / "model.keras") == name


def test_activation_is_that_of_the_loss():
    logits = np.array([[0.0, 2.0]])
    np.testing.assert_allclose(apply_activation(logits, "BinaryCrossentropy"), sigmoid(logits))
    np.testing.assert_allclose(apply_activation(logits, "SparseCategoricalCrossentropy"), softmax(logits))
