"""A clock that only moves when somebody sleeps."""


class Clock:
    """Seconds since its creation.

    Attributes:
        now: The current reading.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
