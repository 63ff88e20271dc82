"""What questions need: a reason to leave one out, or commands that make what is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.variables import benchmark_variables
from firelib.console import note
from firelib.machine import usable_cores

ROOT = Path(__file__).parents[2]
_FIRELIB = str(Path(sys.executable).with_name("firelib"))


@dataclass(frozen=True)
class Need:
    """Something that a question needs.

    Attributes:
        is_there: Whether it is there.
        reason: Why the question is left out without it.
        commands: Arguments of `firelib` that make it; without them, the question is left out.
    """

    is_there: Callable[[], bool]
    reason: str
    commands: Sequence[Sequence[str]] = ()


def _files(*paths: str) -> Callable[[], bool]:
    return lambda: all((ROOT / path).exists() for path in paths)


NEEDS = {
    "root": Need(lambda: os.geteuid() == 0, "needs root"),
    "containers": Need(lambda: shutil.which("dockerd") is not None, "needs dockerd: apt-get install docker.io"),
    "two cores": Need(lambda: usable_cores() > 1, "needs two cores"),
    "pipeline": Need(
        _files("data/flights/tfrecords/manifest.json", "models/flights/saved_model"),
        "needs the outputs of firelib run, which failed",
        [["run"]],
    ),
    "flights": Need(
        _files("data/flights/tfrecords/manifest.json"),
        "needs the dataset of flights, which firelib run transform could not make",
        [["run", "transform"]],
    ),
    "fashion_mnist": Need(
        _files("data/fashion_mnist/tfrecords/manifest.json"),
        "needs the dataset of fashion_mnist, which firelib run --recipe fashion_mnist transform could not make",
        [["run", "--recipe", "fashion_mnist", "transform"]],
    ),
}


def find_missing(names: Sequence[str]) -> str:
    """Why a question with these needs cannot be measured here; empty if it can, or if commands can make what lacks."""
    return "; ".join(NEEDS[name].reason for name in names if not NEEDS[name].commands and not NEEDS[name].is_there())


def prepare(names: Sequence[str]) -> str:
    """Make what is missing; return why a question with these needs cannot be measured, or an empty string."""
    if reason := find_missing(names):
        return reason
    for name in names:
        need = NEEDS[name]
        if not need.is_there():
            variables = {**benchmark_variables(), "FIRELIB_TRACKING": "none"}
            for arguments in need.commands:
                note(f"preparing: firelib {' '.join(arguments)}")
                subprocess.run([_FIRELIB, *arguments], cwd=ROOT, env=variables, check=False)  # noqa: S603  our own program
            if not need.is_there():
                return need.reason
    return ""
