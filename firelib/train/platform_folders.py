"""Folders that a platform names in the environment; Vertex AI reads models and event files there.

https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables
"""

from collections.abc import Mapping
from pathlib import Path

from firelib import storage

MODEL, EVENTS = "AIP_MODEL_DIR", "AIP_TENSORBOARD_LOG_DIR"


def copy_model(saved_model: Path, environ: Mapping[str, str]) -> None:
    """Copy a SavedModel to where the platform looks for the model, if it looks for one.

    Args:
        saved_model: The SavedModel's folder.
        environ: The variables of this process.
    """
    if uri := environ.get(MODEL):
        storage.upload_folder(saved_model, uri.rstrip("/"))


class EventMirror:
    """Copies event files to where the platform's TensorBoard reads them, while training still writes them.

    Args:
        folder: Folder of the event files.
        run: Name of the run; it becomes a folder, as TensorBoard expects.
        environ: The variables of this process.
    """

    def __init__(self, folder: str, run: str, environ: Mapping[str, str]) -> None:
        self._folder = Path(folder)
        root = environ.get(EVENTS, "").rstrip("/")
        self._uri = storage.join(root, run) if root else None
        self._copied: dict[Path, int] = {}

    def update(self) -> None:
        """Copy the files that have grown since the last call."""
        if self._uri is None:
            return
        for file in sorted(self._folder.glob("events.*")):
            size = file.stat().st_size
            if self._copied.get(file) == size:
                continue
            if storage.is_local(self._uri):
                storage.make_folder(self._uri)
            storage.upload_file(file, storage.join(self._uri, file.name))
            self._copied[file] = size
