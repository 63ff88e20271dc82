"""Interpret Vertex AI's answers: state, exit code, and whether another placement may help. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from firelib.errors import StoppedError
from firelib.launch.backend import JobStatus, State
from firelib.launch.backends.vertex.request import PLACEMENT_LABEL

#: Why a CustomJob did not start or did not finish, where another placement may help.
Obstacle = Literal["quota", "stock-out", "queue", "preemption"]

# Jobs that were submitted before version 0.2 carry this label instead.
_EARLIER_LABEL = PLACEMENT_LABEL.removesuffix("ment")

_STATES: Mapping[str, State] = {
    "JOB_STATE_QUEUED": "queued",
    "JOB_STATE_PENDING": "queued",
    "JOB_STATE_RUNNING": "running",
    "JOB_STATE_UPDATING": "running",
    "JOB_STATE_PAUSED": "running",
    "JOB_STATE_CANCELLING": "running",
    "JOB_STATE_SUCCEEDED": "succeeded",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "failed",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
}
_EXIT_CODE = re.compile(r"non-zero status of (\d+)")
_OBSTACLES: Mapping[Obstacle, re.Pattern[str]] = {
    "quota": re.compile(r"custom_model_training_\w+|exceed(s|ed)? quota limits", re.IGNORECASE),
    "stock-out": re.compile(
        r"stock.?out|resources are insufficient|insufficient resources|does not have enough resources", re.IGNORECASE
    ),
    "preemption": re.compile(r"preempt", re.IGNORECASE),
}


@dataclass(frozen=True)
class CustomJobStatus:
    """One CustomJob as Vertex AI returns it.

    Attributes:
        raw: The resource `CustomJob` of the REST API.
    """

    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Full resource name, `projects/P/locations/REGION/customJobs/NUMBER`."""
        return str(self.raw["name"])

    @property
    def placement(self) -> int:
        """Index among the placements of the firelib job."""
        labels = self.raw.get("labels", {})
        return int(labels.get(PLACEMENT_LABEL, labels.get(_EARLIER_LABEL, 0)))

    @property
    def created(self) -> datetime:
        """Time of the job's creation."""
        return _parse_time(self.raw["createTime"])

    @property
    def has_run(self) -> bool:
        """Whether all replicas have run at the same time, so that there may be a checkpoint."""
        return bool(self.raw.get("startTime"))

    @property
    def message(self) -> str:
        """First line of the service's error, or empty."""
        return str(self.raw.get("error", {}).get("message", "")).partition("\n")[0]

    @property
    def state(self) -> State:
        """State in firelib's terms."""
        return _STATES.get(str(self.raw.get("state")), "queued")

    def ended_before(self, time: datetime) -> bool:
        """Return whether the job ended before a time, or Vertex AI names no end.

        Args:
            time: The time, with a time zone.
        """
        return not self.raw.get("endTime") or _parse_time(self.raw["endTime"]) < time

    def queue_seconds(self, now: datetime) -> float:
        """Return the seconds spent waiting for a start: until now, or until the job ended; 0 once it has started."""
        if self.raw.get("startTime"):
            return 0.0
        until = _parse_time(self.raw["endTime"]) if self.raw.get("endTime") else now
        return (until - _parse_time(self.raw["createTime"])).total_seconds()

    def run_seconds(self, now: datetime) -> float | None:
        """Return the seconds that the job has run, until now or until its end; None before its start."""
        if not self.raw.get("startTime"):
            return None
        until = _parse_time(self.raw["endTime"]) if self.raw.get("endTime") else now
        return (until - _parse_time(self.raw["startTime"])).total_seconds()

    def obstacle(self, queue_limit: int | None, now: datetime) -> Obstacle | None:
        """Return why this CustomJob will not finish where another attempt may help.

        Args:
            queue_limit: Seconds that the job may wait for a start; None for no limit.
            now: The current time, with a time zone.

        Returns:
            None while the job may still finish, if it has finished, and if its own program failed.
        """
        if self.state == "failed" and not _EXIT_CODE.search(self.message):
            return self._find_failure()
        if self.state in ("queued", "cancelled") and queue_limit and self.queue_seconds(now) >= queue_limit:
            return "queue"
        return None

    def _find_failure(self) -> Obstacle | None:
        """Return the obstacle that the error names.

        Vertex AI reports lost Spot machines as a stock-out, too: it finds no others. While the job has not run, there
        was no capacity; afterwards, a machine was lost, and training resumes from its checkpoint.
        """
        obstacle = find_obstacle(self.message)
        return "preemption" if obstacle == "stock-out" and self.has_run else obstacle

    def status(self, obstacle: Obstacle | None = None, is_resumable: bool = False) -> JobStatus:
        """Return the status in firelib's terms.

        Args:
            obstacle: Why the CustomJob did not finish, if no other placement is left.
            is_resumable: Whether an earlier attempt has run, so that training would resume from its checkpoint.
        """
        status = replace(self._classify(obstacle), seconds=self.run_seconds(datetime.now(UTC)))
        if obstacle and is_resumable and status.exit_code is None:
            return replace(status, exit_code=StoppedError.exit_code)
        return status

    def _classify(self, obstacle: Obstacle | None) -> JobStatus:
        code = _EXIT_CODE.search(self.message)
        if code:
            return JobStatus(self.state, int(code[1]), self.message)
        if obstacle == "preemption":
            return JobStatus("failed", StoppedError.exit_code, self.message)
        if obstacle == "queue":
            return JobStatus("failed", None, "the job did not start within --queue-timeout")
        if obstacle:
            return JobStatus("failed", None, f"{obstacle}: {self.message}")
        return JobStatus(self.state, 0 if self.state == "succeeded" else None, self.message)


def find_obstacle(message: str) -> Obstacle | None:
    """Return the obstacle that a message of Vertex AI names, if any."""
    return next((obstacle for obstacle, pattern in _OBSTACLES.items() if pattern.search(message)), None)


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
