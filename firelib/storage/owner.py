"""The process that a temporary file or folder belongs to. Its name records it, so that only leftovers are removed."""

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from firelib.process_identity import find_process, is_other_boot, own_start, process_table

_TOKEN = re.compile(r"(?P<host>\w+)-(?P<pid>[0-9]{1,10})-(?P<started>[0-9]{1,19})", re.ASCII)
_CLOCK_SECONDS = 2  # how much the start time of one process may differ, because it is computed from the system's clock
# File systems that only one running system can mount directly.
_DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "exfat", "apfs", "hfs", "overlay")


@dataclass(frozen=True)
class Owner:
    """A process on some host.

    Attributes:
        host: Boot and PID namespace of the process. Without /proc, and in names that earlier versions gave, the name
            of the host; other characters than letters, digits and `_` are replaced.
        pid: Id of the process.
        started: When it started, in clock ticks since that boot; with the name of a host, in seconds since the epoch.
            Ids are used again, start times are not.

    Example:
        >>> from firelib.storage import Owner
        >>> Owner.parse(Owner.current().token) == Owner.current()
        True
        >>> Owner.current().has_ended
        False
    """

    host: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> "Owner":
        """This process."""
        return _owner(os.getpid())

    @classmethod
    def parse(cls, token: str) -> "Owner | None":
        """The owner that a token names; None if the text is not a token."""
        match = _TOKEN.fullmatch(token)
        return cls(match["host"], int(match["pid"]), int(match["started"])) if match else None

    @property
    def token(self) -> str:
        """The owner as a part of a file name, without dots."""
        return f"{self.host}-{self.pid}-{self.started}"

    @property
    def is_alive(self) -> bool:
        """Whether the process is known to run; False for processes of other hosts, containers and boots."""
        return self._runs_here() is True

    @property
    def has_ended(self) -> bool:
        """Whether the process is known to have ended; False for processes of other hosts, containers and boots."""
        return self._runs_here() is False

    def has_abandoned(self, path: Path) -> bool:
        """Whether a file or folder is left over: its owner is known to have ended.

        On a disk of this host, that is also known if the owner has another boot and the path is older than this one:
        the host has been restarted since. A younger path may belong to a host that mounts the disk over the network.
        """
        return self.has_ended or (is_other_boot(self.host) and _is_on_own_disk(path) and _is_older_than_boot(path))

    def _runs_here(self) -> bool | None:
        """Whether the process runs; None if this process cannot tell."""
        if self.host == process_table():
            state = find_process(self.pid)
            if state.is_alive and state.started is None:
                return None  # hidden: it may be another process with this id
            return state.is_alive and state.started == self.started
        return self._runs_on_this_host_name() if self.host == _host_name() else None

    def _runs_on_this_host_name(self) -> bool:
        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(started - self.started) <= _CLOCK_SECONDS


@cache  # by the id, since a forked process inherits the cache
def _owner(pid: int) -> Owner:
    table, started = process_table(), own_start()
    if table and started is not None:
        return Owner(table, pid, started)
    return Owner(_host_name(), pid, int(psutil.Process(pid).create_time()))


def _host_name() -> str:
    return re.sub(r"\W", "_", platform.node(), flags=re.ASCII) or "_"


def _is_on_own_disk(path: Path) -> bool:
    with suppress(OSError):
        folders = [str(folder) for folder in (path.resolve(), *path.resolve().parents)]
        mounts = {disk.mountpoint: disk.fstype for disk in psutil.disk_partitions(all=True)}
        return next((mounts[folder] in _DISKS for folder in folders if folder in mounts), False)
    return False


def _is_older_than_boot(path: Path) -> bool:
    with suppress(OSError):
        return path.stat().st_ctime < psutil.boot_time()  # a rename changes this time, but not that of modification
    return False
