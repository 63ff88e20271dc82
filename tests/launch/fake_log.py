"""A stand-in for Cloud Logging's `entries.list`, as unpleasant as the real one.

Entries become visible late, not in the order of their timestamps, and carry an `insertId`; several may share a
timestamp. A page holds at most 1,000 entries. A project has 60 reads a minute, then the answer is 429.
"""

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_MOST_READS, _WINDOW_SECONDS, _LONGEST_PAGE = 60, 60.0, 1000
_JOB = re.compile(r'resource\.labels\.job_id="(\d+)"')
_SINCE = re.compile(r'timestamp>="([^"]+)"')


class QuotaExceededError(Exception):
    """The project has read too often."""


@dataclass(frozen=True)
class Entry:
    """A log entry.

    Attributes:
        time: When it was written.
        number: Distinguishes entries; part of the `insertId`.
        text: The line.
        visible_at: Reading of the clock from which on a reading returns it.
    """

    time: datetime
    number: int
    text: str
    visible_at: float

    def to_json(self) -> dict[str, Any]:
        stamp = (
            self.time.isoformat(timespec="microseconds").replace("+00:00", "") + "123Z"
        )  # nanoseconds, as the service writes them
        return {"timestamp": stamp, "insertId": f"id-{self.number:x}", "textPayload": self.text}


@dataclass
class FakeLog:
    """The logs of all jobs of a project.

    Attributes:
        clock: Seconds; decides what is visible and when the quota refills.
        page: Entries on a page, if fewer than the request asks for.
        reads: When each request came.
        refused: Number of requests beyond the quota.
    """

    clock: Callable[[], float]
    page: int = _LONGEST_PAGE
    reads: deque[float] = field(default_factory=deque)
    refused: int = 0
    _entries: dict[str, list[Entry]] = field(default_factory=dict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, job: str, text: str, time: datetime | None = None, delay: float = 0.0) -> None:
        """Write a line.

        Args:
            job: Number of the job.
            text: The line.
            time: Its timestamp; None means now.
            delay: Seconds until it is visible.
        """
        with self._lock:
            entry = Entry(time or datetime.now(UTC), self._count, text, self.clock() + delay)
            self._entries.setdefault(job, []).append(entry)
            self._count += 1

    def lines(self, job: str) -> list[str]:
        """Return all lines of a job in the order of their timestamps, visible or not."""
        return [entry.text for entry in _in_order(self._entries.get(job, []))]

    def list(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        Raises:
            QuotaExceededError: The project has read 60 times within a minute.
        """
        with self._lock:
            self._count_read()
            job, since = _JOB.search(query["filter"]), _SINCE.search(query["filter"])
            earliest = datetime.fromisoformat(since[1]) if since else datetime.min.replace(tzinfo=UTC)
            entries, now = self._entries.get(job[1] if job else "", []), self.clock()
            found = [entry for entry in entries if entry.visible_at <= now and entry.time >= earliest]
            start, length = int(query.get("pageToken", 0)), min(self.page, query["pageSize"], _LONGEST_PAGE)
            page: dict[str, Any] = {"entries": [entry.to_json() for entry in _in_order(found)[start : start + length]]}
            if start + length < len(found):
                page["nextPageToken"] = str(start + length)
            return page

    def _count_read(self) -> None:
        now = self.clock()
        recent = [time for time in self.reads if time > now - _WINDOW_SECONDS]
        self.reads.append(now)
        if len(recent) >= _MOST_READS:
            self.refused += 1
            raise QuotaExceededError


def _in_order(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.time, entry.number))
