"""Faults that every request meets once, in turn."""

from collections import Counter
from dataclasses import dataclass, field

from tests.cluster.fake_gcp.requests import RefusedError, Request


@dataclass
class EachOnce:
    """Each method and path meets each fault once, and is executed in between only where the response is lost.

    Attributes:
        seen: How often each request came.
    """

    seen: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request) -> RefusedError | str | None:
        turn = self.seen[request.key]
        self.seen[request.key] += 1
        faults = (
            RefusedError(429, "rateLimitExceeded", "Too many requests", {"Retry-After": "0"}),
            RefusedError(503, "backendError", "Service unavailable"),
            "lost",
            RefusedError(500, "internalError", "Internal error"),
            RefusedError(403, "rateLimitExceeded", "Rate Limit Exceeded"),
        )
        most = 1 if "/operations/" in request.path else len(faults)  # each operation has a path of its own
        return faults[turn] if turn < most else None
