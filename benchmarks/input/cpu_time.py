"""CPU time of a process and of all that it started, also of processes that have ended or whose parent has."""

import ctypes
import os

import psutil

TICK = 1 / os.sysconf("SC_CLK_TCK")  # resolution of `cpu_seconds`

_PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends (Linux), so that `cpu_seconds` goes on counting them.

    Raises:
        OSError: The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def cpu_seconds() -> float:
    """CPU seconds, user and system, of this process and all its descendants until now."""
    this = psutil.Process()
    return sum(_seconds(process) for process in [this, *this.children(recursive=True)])


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # it ended after it was listed; its parent's time has it now
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
