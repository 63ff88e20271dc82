"""The log of one firelib job: the output of all its attempts, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from firelib.launch.backends.vertex.custom_job_status import CustomJobStatus
from firelib.launch.backends.vertex.logs.cursor import OVERLAP, LogCursor
from firelib.launch.backends.vertex.logs.entries import EntriesClient
from firelib.launch.backends.vertex.logs.request_budget import RequestBudget


class JobLog:
    """Reads on where the last reading ended.

    Args:
        project: Id or number of the project.
        endpoint: Address of Cloud Logging, if not Google's own.
        list_attempts: Returns the job's attempts, the newest last.
    """

    def __init__(
        self, project: str, endpoint: str | None, list_attempts: Callable[[], Sequence[CustomJobStatus]]
    ) -> None:
        self._entries = EntriesClient(project, endpoint, RequestBudget())
        self._list_attempts = list_attempts
        self._cursors: dict[str, LogCursor] = {}
        self._closed: set[str] = set()

    def read(self) -> Iterator[str]:
        """Yield the lines that replica 0 of each attempt has written since the last call.

        Raises:
            LostConnectionError: A service does not answer; the next call reads on where this one ended.
            FirelibError: A service refuses.
        """
        attempts = self._list_attempts()
        for attempt in attempts:
            if attempt.name in self._closed:
                continue
            cursor = self._cursors.setdefault(attempt.name, LogCursor())
            yield from cursor.read(partial(self._entries.list_entries, attempt.name.rpartition("/")[2]))
            # A later attempt has replaced it, and its last entries have had the time to arrive.
            if attempt is not attempts[-1] and attempt.ended_before(datetime.now(UTC) - OVERLAP):
                self._closed.add(attempt.name)
