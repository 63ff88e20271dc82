"""Settings of backend `docker`."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BeforeValidator

from firelib.launch.target import Target, setting

_FORM = re.compile(r"(\d+)@(\d+)s?")


@dataclass(frozen=True)
class ReplicaKill:
    """A simulated preemption.

    Attributes:
        replica: Index of the replica to kill.
        seconds: Seconds after the start of the job.
    """

    replica: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the kill that `1@60s` describes.

        Raises:
            ValueError: The text has another form.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"expected REPLICA@SECONDSs, such as 1@60s, got {text!r}")
        return cls(int(match[1]), int(match[2]))


class DockerTarget(Target):
    """Settings of `--to docker`."""

    of_training = ("kill_replica",)

    kill_replica: Annotated[ReplicaKill | None, BeforeValidator(ReplicaKill.parse)] = setting(
        "kill a replica once and restart it, as a preempted machine would be", example="1@60s"
    )
