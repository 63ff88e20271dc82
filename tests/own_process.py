"""Run a module of tests as a process of its own: what it does would spoil Ray for the tests after it."""

import os
import subprocess
import sys

from tests.patience import patience
from tests.project import ROOT


def run_module(name: str, *arguments: object, seconds: float) -> "subprocess.CompletedProcess[str]":
    """Run a module in the root of the project, and wait for its end.

    Args:
        name: The module, such as `__name__`.
        arguments: What follows the name on the command line.
        seconds: Time limit, which is multiplied by TESTS_PATIENCE.

    Returns:
        The ended process, with what it printed.
    """
    return subprocess.run(
        [sys.executable, "-m", name, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patience(seconds),
        check=False,
    )
