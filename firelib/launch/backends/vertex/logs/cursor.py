"""A position in a log whose entries arrive late and out of order."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

#: How much later than an entry with a later timestamp an entry may arrive without being lost.
OVERLAP = timedelta(minutes=2)

# Returns the entries since a time, ordered by timestamp; None stands for the beginning.
_List = Callable[[datetime | None], Iterable[dict[str, Any]]]


class LogCursor:
    """Yields each entry of a log once.

    Every reading begins `OVERLAP` before the newest timestamp seen so far. Entries that were yielded before are
    recognized by timestamp and `insertId`, which identify an entry.
    """

    def __init__(self) -> None:
        self._newest: datetime | None = None
        self._seen: dict[tuple[str, str], datetime] = {}

    def read(self, list_entries: _List) -> Iterator[str]:
        """Yield one line for each entry that is new, in the order in which the entries arrive.

        If listing fails, the entries yielded so far count as read.

        Args:
            list_entries: Lists the entries since a time.
        """
        since = self._newest and self._newest - OVERLAP
        for entry in list_entries(since):
            key, time = (entry["timestamp"], entry["insertId"]), _parse_time(entry["timestamp"])
            if key in self._seen:
                continue
            self._seen[key] = time
            self._newest = max(time, self._newest or time)
            yield _to_line(entry)
        self._forget()

    def _forget(self) -> None:
        """Drop the keys of entries that no later reading can return."""
        if self._newest is not None:
            oldest = self._newest - OVERLAP
            self._seen = {key: time for key, time in self._seen.items() if time >= oldest}


def _parse_time(text: str) -> datetime:
    """Parse a timestamp of up to nanoseconds, rounded down to microseconds."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}").replace(tzinfo=UTC)


def _to_line(entry: dict[str, Any]) -> str:
    text = entry.get("textPayload") or entry.get("jsonPayload", {}).get("message", "")
    return f"{str(text).rstrip()}\n"
