"""Experiment tracking with TensorBoard: event files in the run's folder."""

from collections.abc import Mapping
from typing import Any


class TensorBoardTracker:
    """Event files, one for each start of the workers; TensorBoard shows all of a folder as one run.

    TensorFlow's own `tf.summary.scalar` needs the package `tensorboard`; `tf.summary.write` with the metadata of the
    plugin `scalars` writes the same event without it.

    Args:
        folder: Where the files go.
    """

    ID = "tensorboard"

    def __init__(self, folder: str) -> None:
        import tensorflow as tf

        self.id: str | None = self.ID
        self._writer = tf.summary.create_file_writer(folder)
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        self._scalar = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        import tensorflow as tf

        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step=step, metadata=self._scalar)

    def flush(self) -> None:
        self._writer.flush()

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:  # noqa: ARG002  curves only
        self._writer.close()
