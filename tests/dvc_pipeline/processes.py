"""Runs of the pipeline in process groups of their own, and the ends of their processes."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from tests.patience import wait_until

Run = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def process_groups() -> Iterator[Run]:
    """Start processes as `subprocess.Popen` does, each in a group of its own; kill all groups at the end."""
    runs: list[subprocess.Popen[str]] = []

    def start(command: list[str], **options: Any) -> "subprocess.Popen[str]":
        runs.append(subprocess.Popen(command, text=True, start_new_session=True, **options))
        return runs[-1]

    try:
        yield start
    finally:
        for run in runs:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()


def descendants(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs. It may end between two questions, so both are one."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def wait_for_end(left: list[psutil.Process]) -> None:
    wait_until(lambda: not any(map(is_alive, left)), 5, "all processes end")
