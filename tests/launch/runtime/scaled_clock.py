"""A clock whose waits take no time, with events that happen at their time."""

from collections.abc import Callable

from firelib.launch.runtime.timeouts import Clock


class ScaledClock:
    """Hours pass in milliseconds: `sleep` moves the time on and performs the events that are due."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._events: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Perform an action at this time."""
        self._events.append((seconds, action))
        self._events.sort(key=lambda event: event[0])

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self._sleep)

    def _sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self._events and self._events[0][0] <= until:
            self.seconds, action = self._events.pop(0)
            action()
        self.seconds = until
