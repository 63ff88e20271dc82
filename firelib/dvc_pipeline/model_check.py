"""Check the model in a process beside extract and transform, so that a mistake in it does not wait for them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from firelib import __version__, storage
from firelib.check.finding import Finding
from firelib.check.report import show
from firelib.config import load_params
from firelib.console import note
from firelib.dvc_pipeline.repro import DvcProcess
from firelib.errors import FirelibError
from firelib.recipe import Recipe, code_sha256

_NEEDED_BYTES = 3 << 30  # TensorFlow's process beside Ray's
_THREADS = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
_TRAIN = "train"


class ModelCheck:
    """A check of the model that runs beside the stages, until training begins.

    Args:
        params: The params.yaml.
    """

    def __init__(self, params: Path) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._output = Path(self._folder.name, "findings.json")
        self._is_trained = False
        command = [sys.executable, "-m", "firelib.check.model.child_process", str(os.getpid()), str(params.absolute())]
        environment = {**os.environ, **_THREADS, "CUDA_VISIBLE_DEVICES": ""}
        self._process = subprocess.Popen(  # noqa: S603  our own
            [*command, str(self._output)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> "ModelCheck":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def watch(self, dvc: DvcProcess) -> bool:
        """Whether the run shall end early; where training has begun, it checks the model itself.

        Args:
            dvc: The running stages.
        """
        if self._process.poll() is None:
            if dvc.runs(_TRAIN):
                self.stop()
            return False
        if not self.find_errors():
            return False
        note("the check beside this run has found a mistake in the model: the run ends before training")
        return True

    def accept(self) -> None:
        """Take the model as checked, because it has been trained."""
        self._is_trained = True

    def find_errors(self) -> Sequence[Finding]:
        """Errors of the model, once the process has ended; a process that was stopped has none."""
        with suppress(OSError, ValueError):
            content: dict[str, Any] = json.loads(self._output.read_bytes())
            found = [Finding(**finding) for finding in content["findings"]]
            return [finding for finding in found if finding.severity == "error"]
        return []

    @property
    def has_passed(self) -> bool:
        """Whether the model was trained, or the process has ended without an error of the model."""
        return self._is_trained or (self._output.is_file() and not self.find_errors())

    def require_none(self) -> None:
        """Refuse a model with errors.

        Raises:
            FirelibError: There are errors; all are shown.
        """
        errors = self.find_errors()
        if errors:
            show(errors)
            raise refuse(len(errors))


def refuse(errors: int) -> FirelibError:
    """The error that ends a run whose findings have been shown.

    Args:
        errors: Their number.
    """
    return FirelibError(
        f"the check found {errors} {'error' if errors == 1 else 'errors'}, shown above",
        where="firelib run",
        remedy="correct them; firelib check shows them again, and firelib run --no-check runs without a check",
    )


@contextmanager
def check_model_beside(recipe: Recipe, params: Path, record: Path) -> Iterator[ModelCheck | None]:
    """Check a model that has changed since its last check, for the duration of the block.

    Args:
        recipe: The recipe.
        params: The params.yaml.
        record: File that tells which model was checked last.

    Yields:
        The check; None if the model is unchanged, or this machine has too little memory or only one core.
    """
    identity = _identify(recipe, params)
    if _read_record(record) == identity or not has_room():
        yield None
        return
    with ModelCheck(params) as check:
        yield check
        if check.has_passed:
            storage.write_bytes(str(record), json.dumps({"model": identity}).encode())


def has_room() -> bool:
    """Whether this machine has a core and memory for TensorFlow beside the stages."""
    return len(os.sched_getaffinity(0)) > 1 and psutil.virtual_memory().available >= _NEEDED_BYTES


def _identify(recipe: Recipe, params: Path) -> str:
    given = load_params(params)
    sections = {"model": given.model, "train": given.train.model_dump(mode="json")}
    return storage.sha256_json({"version": __version__, "code": code_sha256(recipe), **sections})


def _read_record(record: Path) -> str | None:
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads(record.read_bytes())["model"])
    return None
