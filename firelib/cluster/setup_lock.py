"""Let one command at a time change a cluster, by a lock on its head: playbooks, `firelib cluster up` and `down`.

A process of this machine, the keeper, renews the lock and releases it when the command has ended, however it ends. It
follows a pipe that the command and the processes that it forks hold open: a killed playbook leaves workers behind,
whose tasks run on, and until these have ended nobody else may change the hosts.
"""

import getpass
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib.cluster.ssh import HostUnreachableError, run_on_host
from firelib.console import note
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile
from firelib.storage import Owner

#: The lock, on the head.
LOCK_FILE = "/etc/firelib/setup.lock"
#: Seconds without renewal after which a lock is abandoned.
ABANDONED_SECONDS = 900.0

_LOGIN_SECONDS = 120.0  # to an emulated VM
_LOST = 4  # exit code of lock_program.py
_POLL_SECONDS = 2.0
_PROGRAM = Path(__file__).with_name("lock_program.py")


class ClusterLockedError(FirelibError):
    """Another command is changing the cluster."""


class UnfinishedTasksError(ClusterLockedError):
    """A playbook of this machine was killed, and its tasks still run on the hosts."""


def identify_caller() -> str:
    """USER@HOST, for those who find the lock taken."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for the user
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


@dataclass(frozen=True)
class SetupLock:
    """The lock of a cluster, for one command.

    Attributes:
        path: Path of the cluster file.
        cluster: Its content.
        file: Path of the lock on the head.
        token: Process of the command, as firelib.storage.Owner names it.
        caller: Who runs the command.
        seconds: Seconds without renewal after which the lock is abandoned.
    """

    path: Path
    cluster: ClusterFile
    file: str = field(default_factory=lambda: LOCK_FILE)
    token: str = field(default_factory=lambda: Owner.current().token)
    caller: str = field(default_factory=identify_caller)
    seconds: float = ABANDONED_SECONDS

    @property
    def head(self) -> str:
        """Address of the head."""
        return self.cluster.provider.head_ip

    def take(self, check: bool = False, wait_seconds: float = 0.0) -> None:
        """Take the lock, also from a command of this machine that is known to have ended with its tasks.

        Args:
            check: Only look whether it could be taken.
            wait_seconds: How long to wait for the tasks of a killed playbook.

        Raises:
            ClusterLockedError: Another command holds the lock.
            HostUnreachableError: The login to the head failed.
            FirelibError: The head has no Python, or its user may not use sudo.
        """
        deadline = time.monotonic() + wait_seconds
        while holder := self._try_to_take(check):
            error = self._explain(holder)
            if not isinstance(error, UnfinishedTasksError) or time.monotonic() > deadline:
                raise error
            time.sleep(_POLL_SECONDS)

    def renew(self, keeper: str) -> bool:
        """Renew the lock; return whether it is still this command's. A head that restarts does not answer.

        Args:
            keeper: The process that renews it, as firelib.storage.Owner names it.
        """
        try:
            return self._call("renew", self.token, keeper).returncode != _LOST
        except HostUnreachableError:
            return True

    def release(self) -> None:
        """Release the lock if it is this command's.

        Raises:
            HostUnreachableError: The login to the head failed.
        """
        self._call("release", self.token)

    def _try_to_take(self, check: bool) -> Mapping[str, Any]:
        """Take the lock, or return its content."""
        holder = self._take(check)
        return self._take(check, holder["token"]) if holder and _has_ended(holder) else holder

    def _take(self, check: bool, *ended: str) -> Mapping[str, Any]:
        options = ["--check"] if check else []
        done = self._call("take", self.caller, self.token, str(self.seconds), *ended, *options)
        if done.returncode == os.EX_OK:
            return {}
        try:
            holder: Mapping[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])  # a shell may print more
        except (ValueError, IndexError):
            raise FirelibError(
                f"the cluster's lock cannot be read: {done.stderr.strip() or done.stdout.strip()}",
                where=self.head,
                remedy="run ansible/setup.yml without --limit: it checks the head, and installs Python there",
            ) from None
        return holder

    def _call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = _PROGRAM.read_text(encoding="utf-8")
        command = shlex.join(["sudo", "-n", "/usr/bin/python3", "-c", program, self.file, *arguments])
        return run_on_host(self.cluster, self.head, command, _LOGIN_SECONDS)

    def _explain(self, holder: Mapping[str, Any]) -> ClusterLockedError:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder["since"]))
        where, take_over = f"{self.file} on {self.head}", f"To take over now, run sudo rm {self.file} on {self.head}"
        if _leaves_tasks(holder):
            return UnfinishedTasksError(
                f"a playbook that {holder['owner']} began on {since} was killed, and its tasks still run on the hosts",
                where=where,
                remedy=f"wait until they have ended, then run this again. {take_over}",
            )
        return ClusterLockedError(
            f"{holder['owner']} has been changing this cluster since {since}",
            where=where,
            remedy="wait until that command ends. If its machine is off, the lock expires "
            f"{self.seconds / 60:.0f} minutes after its last renewal. {take_over}",
        )


def _has_ended(holder: Mapping[str, Any]) -> bool:
    """Whether this machine knows that the command has ended with its tasks, which its keeper waits for."""
    process = Owner.parse(holder["token"])
    return bool(process and process.has_ended and not _leaves_tasks(holder))


def _leaves_tasks(holder: Mapping[str, Any]) -> bool:
    process, keeper = Owner.parse(holder["token"]), Owner.parse(holder.get("keeper", ""))
    return bool(process and process.has_ended and keeper and keeper.is_alive)


@contextmanager
def hold_setup_lock(path: Path, cluster: ClusterFile) -> Iterator[None]:
    """Hold the lock of a cluster during the block.

    Args:
        path: Path of the cluster file.
        cluster: Its content.

    Raises:
        ClusterLockedError: Another command holds the lock.
        HostUnreachableError: The login to the head failed.
        FirelibError: The head has no Python, or its user may not use sudo.
    """
    lock = SetupLock(path, cluster)
    try:
        lock.take()
    except UnfinishedTasksError as error:
        note(f"{error.what}: waiting for them")
        lock.take(wait_seconds=lock.seconds)
    reading, writing = os.pipe()
    keeper = start_keeper(lock, reading)
    os.close(reading)
    try:
        yield
    finally:
        os.close(writing)  # the keeper releases the lock, also if Ctrl-C ends this wait
        if keeper.wait():
            with suppress(HostUnreachableError):
                lock.release()


def refuse_locked(path: Path, cluster: ClusterFile) -> None:
    """Refuse to go on while another command is changing the cluster; if its head does not tell, only say so.

    Args:
        path: Path of the cluster file.
        cluster: Its content.

    Raises:
        ClusterLockedError: Another command holds the lock.
    """
    try:
        SetupLock(path, cluster).take(check=True)
    except ClusterLockedError:
        raise
    except FirelibError as error:
        note(f"{error.where}: {error.headline}: others may be changing the cluster at the same time")


def explain_no_lock(error: HostUnreachableError) -> str:
    """What to tell where a command goes on without the lock."""
    return f"{error.where} does not answer: others may be changing the cluster at the same time"


def start_keeper(lock: SetupLock, pipe: int | None) -> "subprocess.Popen[bytes]":
    """Start the process that renews a lock, in a session of its own: a closed terminal does not end it.

    Args:
        lock: The lock, which has been taken.
        pipe: Reading end of the pipe that the command and its forks hold open; None follows the command only.
    """
    command = [sys.executable, "-m", "firelib.cluster.lock_command", "keep", "--cluster", str(lock.path)]
    command += ["--file", lock.file, "--token", lock.token, "--seconds", str(lock.seconds)]
    return subprocess.Popen(  # noqa: S603  our own module
        command if pipe is None else [*command, "--follow-pipe"],
        stdin=subprocess.DEVNULL if pipe is None else pipe,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
