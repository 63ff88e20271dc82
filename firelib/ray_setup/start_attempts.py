"""Attempts to start Ray: retries, and the cleanup after a failed attempt."""

import errno
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import stamina

from firelib import machine
from firelib.console import note
from firelib.errors import FirelibError

_ATTEMPTS = 3
_BACKOFF_SECONDS = 5.0
# An attempt fails after 30 to 80 s if Ray's processes do not come up. No attempt begins later than this, so that the
# last one ends within four minutes.
_LAST_ATTEMPT_SECONDS = 140.0
_KILL_TIMEOUT_SECONDS = 5.0
# A permanent error fails every attempt. Two subclasses of OSError are transient.
_PERMANENT, _TRANSIENT = (OSError, ValueError, TypeError), (ConnectionError, TimeoutError)


class _StartError(Exception):
    """Ray did not start; another attempt may succeed."""


def start_with_retries(start: Callable[[], None], temp_dir: Path) -> None:
    """Start Ray; retry transient errors.

    Args:
        start: Starts Ray in this process.
        temp_dir: Folder of Ray's sessions.

    Raises:
        FirelibError: Every attempt failed, or an error that every attempt would repeat.
    """
    logging.getLogger("stamina").setLevel(logging.ERROR)  # `_start_once` reports each failure itself
    number = 0
    try:
        for attempt in stamina.retry_context(
            on=_StartError,
            attempts=_ATTEMPTS,
            timeout=_LAST_ATTEMPT_SECONDS,
            wait_initial=_BACKOFF_SECONDS,
            wait_max=15.0,
        ):
            with attempt:
                number = attempt.num
                _start_once(start, temp_dir)
    except _StartError as error:
        reason = "the machine is overloaded" if machine.is_busy() else "the machine is overloaded or cannot run Ray"
        raise FirelibError(
            f"Ray did not start in {number} attempts: {reason} ({machine.describe_load()})",
            where=f"embedded Ray: {error}",
            remedy="stop other programs on this machine and run the same command again, limit Ray with "
            "FIRELIB_NUM_CPUS, or join a running Ray with RAY_ADDRESS; check memory and disks with firelib doctor",
        ) from error.__cause__


def _start_once(start: Callable[[], None], temp_dir: Path) -> None:
    """Start Ray; after a failure, end its processes and remove its session folders."""
    before = _sessions(temp_dir)
    children = set(psutil.Process().children(recursive=True))
    try:
        start()
    except BaseException as error:
        _clean_up(temp_dir, _sessions(temp_dir) - before, children)
        if isinstance(error, _PERMANENT) and not isinstance(error, _TRANSIENT):
            raise _explain_permanent(error, temp_dir) from error
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        reason = _first_line(error)
        note(f"Ray did not start ({reason}); {machine.describe_load()}")
        raise _StartError(reason) from error


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _explain_permanent(error: Exception, temp_dir: Path) -> FirelibError:
    """Convert an error that every attempt would repeat, with its remedy."""
    number = error.errno if isinstance(error, OSError) else None
    remedy = "check this machine with firelib doctor; see the traceback with firelib --debug …"
    if number == errno.ENOSPC:
        remedy = f"free space on the disk of {temp_dir}, or set RAY_TMPDIR to a folder on another disk"
    elif number in (errno.EROFS, errno.EACCES, errno.EPERM):
        remedy = f"make {temp_dir} writable, or set RAY_TMPDIR (sessions) and HOME (Ray's token) to writable folders"
    elif isinstance(error, OSError) and "AF_UNIX" in str(error):
        remedy = "set RAY_TMPDIR to a folder with a short path, such as /tmp"
    return FirelibError(f"Ray cannot start: {_first_line(error)}", where=f"embedded Ray in {temp_dir}", remedy=remedy)


def _sessions(temp_dir: Path) -> set[Path]:
    """Session folders of this process: Ray puts the process id into their names."""
    return set(temp_dir.glob(f"session_*_{os.getpid()}"))


def _clean_up(temp_dir: Path, sessions: set[Path], children: set[psutil.Process]) -> None:
    """Kill the processes of a failed start, and remove its session folders."""
    import ray

    with suppress(Exception):  # a half-started Ray may fail to shut down; its processes are killed below
        ray.shutdown()
    _kill([process for process in _find_processes(sessions) if process not in children])
    for session in sessions:
        shutil.rmtree(session, ignore_errors=True)
    latest = temp_dir / "session_latest"
    if latest.is_symlink() and not latest.exists():
        with suppress(OSError):
            latest.unlink()


def _find_processes(sessions: set[Path]) -> list[psutil.Process]:
    """Processes with the name of a session in their arguments, and their children."""
    names = {session.name for session in sessions}
    processes: dict[int, psutil.Process] = {}
    for process in psutil.process_iter(["cmdline"]):
        arguments = " ".join(process.info["cmdline"] or [])
        if process.pid != os.getpid() and any(name in arguments for name in names):
            processes[process.pid] = process
            with suppress(psutil.NoSuchProcess):
                processes.update((child.pid, child) for child in process.children(recursive=True))
    return list(processes.values())


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=_KILL_TIMEOUT_SECONDS)
