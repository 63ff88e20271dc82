"""Timeouts of the replicas of a job."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firelib.launch.job_environment import TIMEOUT
from firelib.launch.runtime.platforms import detect_platform


@dataclass(frozen=True)
class Clock:
    """Measures and spends time; tests scale it.

    Attributes:
        now: Returns the seconds since some moment in the past.
        sleep: Waits for so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Timeouts:
    """Timeouts of the replicas of a job, in seconds.

    Attributes:
        peers: How long replica 0 waits for the other replicas. Then it fails, unless enough of them have joined.
        head: How long the other replicas wait for a head, at the start and after a loss; then they fail.
        rejoin: How long a replica waits for a new attempt after one has ended.
        settle: How long replica 0 waits for more replicas once the smallest number has joined.
        clock: Measures all waits.
    """

    peers: float = 300.0
    head: float = 900.0
    rejoin: float = 60.0
    settle: float = 300.0
    clock: Clock = Clock()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Timeouts":
        """Derive the timeouts from the platform and the job's time limit.

        `FIRELIB_PEERS_SECONDS`, `FIRELIB_HEAD_SECONDS` and `FIRELIB_AGAIN_SECONDS` take precedence.
        """
        platform = detect_platform(environ)
        limit = environ.get(TIMEOUT) if platform.is_rented else None
        peers = float(environ.get("FIRELIB_PEERS_SECONDS") or limit or platform.peers_seconds)
        head = float(environ.get("FIRELIB_HEAD_SECONDS", max(cls.head, peers)))
        rejoin = float(environ.get("FIRELIB_AGAIN_SECONDS", head if platform.ends_followers else cls.rejoin))
        return cls(peers, head, rejoin)
