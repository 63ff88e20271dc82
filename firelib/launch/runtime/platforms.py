"""What the platforms that run jobs do with a replica that ends or starts late, and what replicas do about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

#: Variable that names the platform, set by the requests of the backends. Without it, the machines are the user's own.
PLATFORM = "FIRELIB_PLATFORM"


@dataclass(frozen=True)
class Platform:
    """The rules of one platform.

    Attributes:
        peers_seconds: How long replicas wait for each other where the job has no time limit.
        is_rented: Whether machines are rented for the job, so that a wait may take as long as the job's time limit.
        exit_is_final: Whether the first replica that exits with another code than 0 ends the whole job for good. Such a
            platform restarts only the replicas that it has ended itself, so after SIGTERM a replica waits to be ended.
        ends_followers: Whether the platform ends all replicas once the job has failed. The others then wait for another
            attempt of replica 0 instead of failing with it: each failure would use up one of the job's restarts.
        counts_wait: Whether the platform's time limit includes the wait of a replica for the others.
    """

    peers_seconds: float = 300.0
    is_rented: bool = False
    exit_is_final: bool = False
    ends_followers: bool = False
    counts_wait: bool = False


#: Own machines, among them the containers of backend `docker`: all start within minutes, and each ends by itself.
OWN_MACHINES = Platform()

# Rented machines start one by one: drivers, images of 5 GB, and Spot and GPU capacity take many minutes.
_RENTED_PEERS_SECONDS = 3600.0

#: Value of `FIRELIB_PLATFORM` → rules.
PLATFORMS: Mapping[str, Platform] = {
    # https://cloud.google.com/vertex-ai/docs/training/understanding-training-service
    "vertex": Platform(_RENTED_PEERS_SECONDS, is_rented=True, exit_is_final=True, ends_followers=True),
    # An indexed Job counts each failed pod towards backoffLimit, and creates it anew.
    "kubernetes": Platform(_RENTED_PEERS_SECONDS, is_rented=True, ends_followers=True, counts_wait=True),
}


def detect_platform(environ: Mapping[str, str]) -> Platform:
    """Return the rules of the platform that runs this process.

    Args:
        environ: The variables of this process.
    """
    return PLATFORMS.get(environ.get(PLATFORM, ""), OWN_MACHINES)
