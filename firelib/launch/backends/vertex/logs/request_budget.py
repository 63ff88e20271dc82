"""How often one job may ask Cloud Logging, which allows 60 reads a minute for a whole project."""

import time
from collections import deque
from collections.abc import Callable

#: One job's share of a project's quota: five jobs can be followed at the same time.
MOST_REQUESTS, WINDOW_SECONDS = 12, 60.0

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 60.0


class RequestBudget:
    """Delays requests so that no window of a minute holds more than `MOST_REQUESTS` of them.

    Args:
        clock: Returns the time in seconds.
        sleep: Waits for some seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._requests: deque[float] = deque(maxlen=MOST_REQUESTS)
        self._pause, self._not_before = 0.0, 0.0

    def spend(self) -> None:
        """Wait until a request is allowed, and count it."""
        delay = max(self._not_before, self._next_in_window()) - self._clock()
        if delay > 0:
            self._sleep(delay)
        self._requests.append(self._clock())

    def back_off(self) -> None:
        """Delay the next request, by twice as long as after the refusal before."""
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self._not_before = self._clock() + self._pause

    def reset(self) -> None:
        """Forget refusals, after a request was answered."""
        self._pause = 0.0

    def _next_in_window(self) -> float:
        if len(self._requests) < MOST_REQUESTS:
            return 0.0
        return self._requests[0] + WINDOW_SECONDS
