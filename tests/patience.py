"""Timeouts of tests: one factor from the environment scales all of them, for slow or busy machines."""

import os
import time
from collections.abc import Callable

import pytest

_INTERVAL = 0.05


def patience(seconds: float) -> float:
    """Return `seconds` times TESTS_PATIENCE (1 if it is not set)."""
    return seconds * float(os.environ.get("TESTS_PATIENCE", "1"))


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return as soon as `condition()` is true; fail the test with `what` after `patience(seconds)`."""
    limit = patience(seconds)
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {limit:g} s: {what}")
        time.sleep(_INTERVAL)
