"""Timeouts of the replicas of a job."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Timeouts of the replicas of a job, in seconds.

    Attributes:
        peers: How long replica 0 waits for the other replicas; then it runs the stage with the ones that have joined.
        head: How long the other replicas wait for a head, at the start and after a loss; then they fail.
        rejoin: How long a replica waits for a new attempt after one has ended.
    """

    peers: float = 300.0
    head: float = 900.0
    rejoin: float = 60.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Timeouts":
        """Read `FIRELIB_PEERS_SECONDS`, `FIRELIB_HEAD_SECONDS` and `FIRELIB_AGAIN_SECONDS`."""
        return cls(
            float(environ.get("FIRELIB_PEERS_SECONDS", cls.peers)),
            float(environ.get("FIRELIB_HEAD_SECONDS", cls.head)),
            float(environ.get("FIRELIB_AGAIN_SECONDS", cls.rejoin)),
        )
