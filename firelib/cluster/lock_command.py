"""The commands of playbooks for the lock of a cluster, and the process that keeps it.

    python -m firelib.cluster.lock_command take       take the lock, and keep it in the background
    python -m firelib.cluster.lock_command keep       renew a lock that was taken; release it when its command ends
    python -m firelib.cluster.lock_command release

`take` exits with code 3 if the tasks of a killed playbook of this machine still run; `--wait` waits for them.
"""

import argparse
import os
import select
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from firelib.cluster.setup_lock import (
    ABANDONED_SECONDS,
    LOCK_FILE,
    SetupLock,
    UnfinishedTasksError,
    explain_no_lock,
    start_keeper,
)
from firelib.cluster.ssh import HostUnreachableError
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import read_cluster_file
from firelib.storage import Owner

_UNFINISHED_TASKS = 3
_RENEWALS = 5  # before a lock that is not renewed is abandoned
_POLL_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command line; default: that of this process.

    Returns:
        The exit code.
    """
    options = _parse(arguments)
    cluster = read_cluster_file(options.cluster)
    lock = SetupLock(options.cluster, cluster, options.file, options.token, options.owner, options.seconds)
    try:
        if options.action == "take":
            lock.take(options.check, lock.seconds if options.wait else 0.0)
            if not options.check:
                _keep_in_background(lock, options.tasks_pipe)
        elif options.action == "keep":
            keep(lock, sys.stdin.fileno() if options.follow_pipe else None)
        else:
            lock.release()
    except HostUnreachableError as error:
        if not options.if_reachable:
            return _fail(error)
        sys.stdout.write(f"{explain_no_lock(error)}\n")
    except FirelibError as error:
        return _fail(error)
    return os.EX_OK


def _fail(error: FirelibError) -> int:
    sys.stderr.write(f"{error}\n")
    return _UNFINISHED_TASKS if isinstance(error, UnfinishedTasksError) else error.exit_code


def _keep_in_background(lock: SetupLock, tasks_pipe: int | None) -> None:
    """Start the keeper, which follows a pipe of the playbook's process where the system shows it."""
    playbook, pipe = Owner.parse(lock.token), None
    with suppress(OSError):
        if playbook and tasks_pipe is not None:
            pipe = os.open(f"/proc/{playbook.pid}/fd/{tasks_pipe}", os.O_RDONLY)
    start_keeper(lock, pipe)


def keep(lock: SetupLock, pipe: int | None) -> None:
    """Renew a lock until it is released or its command ends, and release it then.

    Args:
        lock: The lock, which has been taken.
        pipe: Reading end of the pipe that the command and its forks hold open; None follows the command only.
    """
    keeper, seconds = Owner.current().token, lock.seconds / _RENEWALS
    while lock.renew(keeper):
        if _has_ended(lock, pipe, seconds):
            with suppress(HostUnreachableError):
                lock.release()
            return


def _has_ended(lock: SetupLock, pipe: int | None, seconds: float) -> bool:
    """Wait so long for the end of the command; return whether it has come."""
    if pipe is not None:
        return bool(select.select([pipe], [], [], seconds)[0])  # nothing is ever written: it is the end
    command, deadline = Owner.parse(lock.token), time.monotonic() + seconds
    while command and command.is_alive and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return not (command and command.is_alive)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["take", "keep", "release"])
    parser.add_argument("--cluster", type=Path, required=True, help="the cluster file")
    parser.add_argument("--file", default=LOCK_FILE, help="the lock, on the head")
    parser.add_argument("--token", required=True, help="process of the playbook")
    parser.add_argument("--owner", default="", help="who changes the cluster")
    parser.add_argument(
        "--seconds", type=float, default=ABANDONED_SECONDS, help="time without renewal after which a lock is abandoned"
    )
    parser.add_argument("--tasks-pipe", type=int, help="descriptor of a pipe that the playbook and its tasks hold open")
    parser.add_argument("--follow-pipe", action="store_true", help="follow the pipe that is the standard input")
    parser.add_argument("--wait", action="store_true", help="wait for the tasks of a killed playbook of this machine")
    parser.add_argument("--if-reachable", action="store_true", help="succeed without a lock if the head is off")
    parser.add_argument("--check", action="store_true", help="only look whether it could be taken")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
