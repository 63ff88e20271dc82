"""The process that a temporary file or folder belongs to. Its name records it, so that only leftovers are removed."""

import os
import platform
import re
from dataclasses import dataclass
from functools import cache

import psutil

_TOKEN = re.compile(r"(?P<host>\w+)-(?P<pid>[0-9]{1,10})-(?P<started>[0-9]{1,12})")
_CLOCK_SECONDS = 2  # how much the start time of one process may differ, because it is computed from the system's clock


@dataclass(frozen=True)
class Owner:
    """A process on some host.

    Attributes:
        host: Name of the host; other characters than letters, digits and `_` are replaced.
        pid: Id of the process.
        started: Time at which it started, in seconds since the epoch. Ids are used again, start times are not.

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
        """Whether the process is known to run; False for processes of other hosts."""
        return self.host == _host() and self._runs_here()

    @property
    def has_ended(self) -> bool:
        """Whether the process is known to have ended; False for processes of other hosts."""
        return self.host == _host() and not self._runs_here()

    def _runs_here(self) -> bool:
        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(started - self.started) <= _CLOCK_SECONDS


@cache  # by the id, since a forked process inherits the cache
def _owner(pid: int) -> Owner:
    return Owner(_host(), pid, int(psutil.Process(pid).create_time()))


def _host() -> str:
    return re.sub(r"\W", "_", platform.node(), flags=re.ASCII) or "_"
