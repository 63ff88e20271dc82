"""The checkpoints of one run: list them, find the newest whole one, remove old and torn ones."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from firelib import storage
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.state import TrainingProgress

_NAME = re.compile(r"step-(\d{10})")


@dataclass(frozen=True)
class NewestCheckpoint:
    """The newest whole checkpoint, and the torn ones that are newer.

    Attributes:
        progress: Progress of the run in the newest whole checkpoint; None if there is none.
        torn: Step of every newer checkpoint that is torn → what is wrong with it.
    """

    progress: TrainingProgress | None
    torn: Mapping[int, str] = field(default_factory=dict)

    @property
    def step(self) -> int | None:
        """Step of the newest whole checkpoint, or None."""
        return self.progress.step if self.progress else None


class CheckpointStore:
    """The checkpoints of one run, each in a folder named by its step.

    Args:
        run_uri: The run's folder, on any fsspec storage.
    """

    def __init__(self, run_uri: str) -> None:
        self._run_uri = run_uri

    def uri(self, step: int) -> str:
        """Folder of the checkpoint of a step."""
        return storage.join(self._run_uri, f"step-{step:010d}")

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, whole or torn, in ascending order."""
        names = storage.list_names(self._run_uri)
        return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))

    def find_newest(self) -> NewestCheckpoint:
        """Find the newest checkpoint that verifies. Nothing is changed; `remove` takes the torn ones away."""
        torn: dict[int, str] = {}
        for step in reversed(self.steps()):
            try:
                return NewestCheckpoint(serialization.load(self.uri(step))[1], torn)
            except serialization.TornCheckpointError as error:
                torn[step] = error.what
        return NewestCheckpoint(None, torn)

    def remove(self, steps: Iterable[int]) -> None:
        """Remove the checkpoints of these steps; other files in their folders stay."""
        for step in steps:
            serialization.remove(self.uri(step))

    def prune(self, newest: int, keep: int, best: int | None) -> None:
        """Remove old checkpoints.

        Args:
            newest: Step of the newest checkpoint, which has been verified. Later ones, which are torn, do not count.
            keep: How many of the newest checkpoints stay, at least one.
            best: Step of the best epoch, whose checkpoint stays too, or None.
        """
        steps = [step for step in self.steps() if step <= newest]
        self.remove(set(steps[:-keep]) - {best})
