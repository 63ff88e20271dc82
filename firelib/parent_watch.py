"""End a process when its parent is killed: no stage outlives the `firelib run` that started it."""

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress

import psutil

from firelib.process_identity import process_table

#: Variable that tells a stage which `firelib run` started it: the host's boot, the PID namespace and the process id.
RUN_PROCESS = "FIRELIB_RUN_PROCESS"

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_INTERVAL_SECONDS = 1.0
_KILLED = 128 + signal.SIGKILL


def identify_process() -> str:
    """The value of `RUN_PROCESS` for the children of this process."""
    return f"{process_table()}:{os.getpid()}"


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process as soon as its parent ends. Other systems than Linux lack this.

    Args:
        parent: Process id of the parent, which may have ended by now.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_KILLED)


def watch_run() -> None:
    """Kill this stage and its children if the `firelib run` that started it ends.

    DVC starts stages through a shell, so the kernel's signal for orphans would not reach them. DVC and its shell may
    end first: SIGTERM for the process group kills them, while the stage saves its checkpoint.
    """
    table, _, pid = os.environ.get(RUN_PROCESS, "").partition(":")
    if not pid or table != process_table():
        return  # no `firelib run`, or one in another container or on another host
    try:
        ancestors = psutil.Process().parents()
    except psutil.Error:  # a hardened /proc hides the processes of others
        return
    run = next((process for process in ancestors if process.pid == int(pid)), None)
    if run is None and psutil.pid_exists(int(pid)):
        return  # this is no stage of that run: its environment was inherited by other means
    threading.Thread(target=_watch, args=(run,), name="parent-watch", daemon=True).start()


def _watch(run: psutil.Process | None) -> None:
    while run and _is_alive(run):
        time.sleep(_INTERVAL_SECONDS)
    with suppress(OSError):
        sys.stderr.write("stopped: the `firelib run` of this stage was killed; run the same command again to resume\n")
    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    os._exit(_KILLED)  # nothing that is half written is ever published


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
