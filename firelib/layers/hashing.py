"""Keras layers that turn texts and lists of any length into numbers. They import TensorFlow: Keras has no strings."""

from typing import Any

import keras
import tensorflow as tf

_PACKAGE = "firelib"


@keras.saving.register_keras_serializable(_PACKAGE)
class HashedWords(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Numbers of the words of texts: words differ by their letters and digits, not by case.

    Args:
        words: Greatest number of a word; words with the same hash share one.
        length: Number of words that count.
        **options: Options of every layer, such as `name`.
    """

    def __init__(self, words: int, length: int, **options: Any) -> None:
        super().__init__(**options)
        self.words, self.length = words, length

    def call(self, values: Any) -> Any:
        """Number the words.

        Args:
            values: Texts [rows].

        Returns:
            int64 [rows, length]; from 1, and 0 behind the last word.
        """
        plain = tf.strings.regex_replace(tf.strings.lower(values, "utf-8"), r"[^\pL\pN]+", " ")
        return _number(tf.strings.split(plain), self.words, self.length)

    def compute_output_spec(self, values: Any) -> Any:
        """Shape and dtype of the result."""
        return keras.KerasTensor((values.shape[0], self.length), "int64")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "words": self.words, "length": self.length}


@keras.saving.register_keras_serializable(_PACKAGE)
class HashedItems(HashedWords):
    """Numbers of the elements of lists of texts or integers."""

    def call(self, values: Any) -> Any:
        """Number the elements.

        Args:
            values: A ragged tensor [rows, any].

        Returns:
            int64 [rows, length]; from 1, and 0 behind the last element.
        """
        texts = values if values.dtype == tf.string else tf.strings.as_string(values)
        return _number(texts, self.words, self.length)


@keras.saving.register_keras_serializable(_PACKAGE)
class MeanOfItems(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """The mean of each list of numbers; NaN of an empty one."""

    def call(self, values: Any) -> Any:
        """Compute the means.

        Args:
            values: A ragged tensor [rows, any].

        Returns:
            float64 [rows, 1].
        """
        return tf.reduce_mean(tf.cast(values, tf.float64), axis=1)[:, None]

    def compute_output_spec(self, values: Any) -> Any:
        """Shape and dtype of the result."""
        return keras.KerasTensor((values.shape[0], 1), "float64")


def _number(texts: Any, words: int, length: int) -> Any:
    """Hash a ragged tensor of texts into numbers from 1, padded with 0 to [rows, length]."""
    numbers = tf.strings.to_hash_bucket_fast(texts, words) + 1
    dense = numbers.to_tensor(0, shape=(None, length)) if isinstance(numbers, tf.RaggedTensor) else numbers
    return tf.ensure_shape(dense, (None, length))
