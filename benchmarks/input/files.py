"""The files of a dataset in the format of each contender, written when they are first needed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import Case
from benchmarks.input.contenders import Contender
from benchmarks.input.job import Job, Schema
from benchmarks.input.process import run_module
from benchmarks.peers.environment import this_python
from benchmarks.peers.loaders import in_memory

_COLUMNS = "in_memory"


class Files:
    """All formats of a dataset.

    Args:
        case: The dataset.
        folder: Folder for the files.
    """

    def __init__(self, case: Case, folder: Path) -> None:
        self.title, self.rows = case.title, case.rows
        self.schema: Schema = {feature.name: (feature.dtype, tuple(feature.shape)) for feature in case.features}
        self._folder = folder
        columns = {name: _without_objects(case.columns[name]) for name in self.schema}
        in_memory.write(columns, self.schema, folder / _COLUMNS)

    def path(self, contender: Contender) -> Path:
        """Folder with the files of a contender.

        Raises:
            RuntimeError: They cannot be written.
        """
        target, done = self._folder / contender.files, self._folder / f"{contender.files}.done"
        if contender.files != _COLUMNS and not done.exists():
            # Shared formats are those of this environment.
            python = contender.python() if contender.loader == contender.files else this_python()
            arguments = [contender.files, json.dumps(self.schema), str(self._folder / _COLUMNS), str(target)]
            run_module(python, "benchmarks.input.write", arguments)
            done.touch()
        return target

    def job(self, contender: Contender, source: str, batch: int, cpus: int) -> Job:
        """The contender's job on files at `source`."""
        return Job(contender.loader, source, self.schema, batch, cpus, cache="", options=dict(contender.options))


def _without_objects(column: Any) -> Any:
    """Strings as NumPy's own, which other environments read without pickle."""
    return column.astype(np.str_) if column.dtype == object else column
