"""Runs a benchmark in a process group of its own, which ends with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.harness.variables import RESULTS_VARIABLE, benchmark_variables
from benchmarks.runner.needs import ROOT
from firelib.parent_watch import die_with_parent

_CLEANUP_SECONDS = 300  # a benchmark lets its job end, which may take two minutes, and removes containers and files


def run_benchmark(module: str, arguments: Sequence[str], results: Path, limit_seconds: float) -> str:
    """Run a benchmark without the user's settings.

    Args:
        module: Its module.
        arguments: Its arguments.
        results: Folder for its results.
        limit_seconds: Time limit.

    Returns:
        What went wrong; empty if nothing did.
    """
    process = subprocess.Popen(  # noqa: S603  our own modules
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**benchmark_variables(), RESULTS_VARIABLE: str(results)},
        start_new_session=True,
        preexec_fn=partial(_prepare, os.getpid()),  # noqa: PLW1509  this process has one thread
    )
    try:
        code = process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        return f"was stopped after {limit_seconds / 60:.0f} minutes"
    finally:
        _end(process)
    return "" if code == 0 else f"exit code {code}"


def _prepare(parent: int) -> None:
    """Before the benchmark starts: it ends with its parent, and Ctrl-C reaches it even if this process ignores that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent(parent)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process, gently first, and whatever it has left in its group, even if Ctrl-C cuts the wait short."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_CLEANUP_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
