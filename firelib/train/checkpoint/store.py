"""The checkpoints of one run, below its folder: the newest ones, and the best."""

import re

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.state import TrainingProgress

_NAME = re.compile(r"step-(\d{10})")


class CheckpointStore:
    """Checkpoints by the step after which they were made.

    Args:
        run_uri: The run's folder, on any fsspec storage.
    """

    def __init__(self, run_uri: str) -> None:
        self._run_uri = run_uri

    def uri(self, step: int) -> str:
        return storage.join(self._run_uri, f"step-{step:010d}")

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, torn ones included, in order."""
        fs, path = storage.filesystem(self._run_uri)
        fs.invalidate_cache(path)
        names = [
            entry.rstrip("/").rpartition("/")[2] for entry in (fs.ls(path, detail=False) if fs.exists(path) else [])
        ]
        return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))

    def newest(self) -> TrainingProgress | None:
        """How far the newest whole checkpoint is; torn ones after it are said, and removed."""
        for step in reversed(self.steps()):
            try:
                return serialization.load(self.uri(step))[1]
            except FirelibError as error:
                note(f"checkpoint of step {step} is left out ({str(error).splitlines()[0]}): the one before it counts")
                storage.remove_folder(self.uri(step))
        return None

    def prune(self, keep: int, best: int | None) -> None:
        """Remove all but the newest ones and the best one."""
        steps = self.steps()
        for step in set(steps[:-keep]) - {best}:
            storage.remove_folder(self.uri(step))
