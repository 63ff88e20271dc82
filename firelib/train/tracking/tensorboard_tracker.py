"""Experiment tracking with TensorBoard: event files in the run's folder."""

from collections.abc import Mapping
from typing import Any

from firelib.train.platform_folders import EventMirror


class TensorBoardTracker:
    """Writes one event file per attempt. TensorBoard shows all files of a folder as one run.

    TensorFlow's `tf.summary.scalar` needs the package `tensorboard`. `tf.summary.write` with the metadata of the plugin
    `scalars` writes the same event without it.

    Args:
        folder: Folder of the event files.
        mirror: Copies them to the platform's TensorBoard.

    Attributes:
        id: The same for all TensorBoard runs.
        last_step: None: event files are not read.
    """

    ID = "tensorboard"

    def __init__(self, folder: str, mirror: EventMirror) -> None:
        import tensorflow as tf

        self._mirror = mirror
        self.id: str | None = self.ID
        self.last_step: int | None = None
        self._writer = tf.summary.create_file_writer(folder)
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        self._scalar = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the figures of one step.

        Args:
            step: The step, counted from 1.
            values: Name → figure.
        """
        import tensorflow as tf

        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step=step, metadata=self._scalar)

    def flush(self) -> None:
        """Write buffered events to disk."""
        self._writer.flush()
        self._mirror.update()

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:  # noqa: ARG002  the protocol's signature
        """Close the event file; TensorBoard shows curves only.

        Args:
            summary: Ignored.
            exported: Ignored.
        """
        self._writer.close()
        self._mirror.update()
