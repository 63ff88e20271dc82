"""What Vertex AI's answers mean: states, exit codes, and whether another place may help. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from firelib.errors import StoppedError
from firelib.launch.backend import JobStatus, State

#: Why a job did not run, or not to its end, where another place may help.
Obstacle = Literal["quota", "stock-out", "queue", "preemption"]

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
_EXIT = re.compile(r"non-zero status of (\d+)")
_QUOTA = re.compile(r"custom_model_training_\w+|exceed(s|ed)? quota limits", re.IGNORECASE)
_STOCK_OUT = re.compile(
    r"stock.?out|resources are insufficient|insufficient resources|does not have enough resources", re.IGNORECASE
)
_PREEMPTED = re.compile(r"preempt", re.IGNORECASE)


@dataclass(frozen=True)
class Seen:
    """One CustomJob as Vertex AI shows it, in the words of its REST API."""

    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.raw["name"])

    @property
    def number(self) -> int:
        """Of the job's places."""
        return int(self.raw.get("labels", {}).get("firelib-place", 0))

    @property
    def message(self) -> str:
        return str(self.raw.get("error", {}).get("message", "")).partition("\n")[0]

    @property
    def state(self) -> State:
        return _STATES.get(str(self.raw.get("state")), "queued")

    def waited(self, now: datetime) -> float:
        """Seconds that it has waited, or had waited when it ended, for a start; 0 of one that has started."""
        if self.raw.get("startTime"):
            return 0.0
        until = _time(self.raw["endTime"]) if self.raw.get("endTime") else now
        return (until - _time(self.raw["createTime"])).total_seconds()

    def obstacle(self, queue_seconds: int | None, now: datetime) -> Obstacle | None:
        """Why it will not run to its end here; None while it may, if it has, and if its own program failed."""
        if self.state == "failed" and not _EXIT.search(self.message):
            return obstacle_in(self.message)
        if self.state in ("queued", "cancelled") and queue_seconds and self.waited(now) >= queue_seconds:
            return "queue"
        return None

    def status(self, obstacle: Obstacle | None = None) -> JobStatus:
        """In our words."""
        code = _EXIT.search(self.message)
        if code:
            return JobStatus(self.state, int(code[1]), self.message)
        if obstacle == "preemption":
            return JobStatus("failed", StoppedError.exit_code, self.message)
        if obstacle == "queue":
            return JobStatus("failed", None, "it had not started when --queue-timeout was over")
        if obstacle:
            return JobStatus("failed", None, f"{obstacle}: {self.message}")
        return JobStatus(self.state, 0 if self.state == "succeeded" else None, self.message)


def obstacle_in(message: str) -> Obstacle | None:
    """What a message of Vertex AI's names as the reason."""
    for found, form in (("quota", _QUOTA), ("stock-out", _STOCK_OUT), ("preemption", _PREEMPTED)):
        if form.search(message):
            return found  # type: ignore[return-value]  # mypy takes the tuple's words for any strings
    return None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
