"""Checks that ask other machines: all at the same time, under one time limit, and none hides the others."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from firelib.doctor.finding import Finding
from firelib.errors import FirelibError

Check = Callable[[], Iterable[Finding]]


def run_checks(checks: Mapping[str, Check], seconds: float, remedy: str) -> list[Finding]:
    """Run checks at the same time.

    Args:
        checks: Name → check. A check that raises `FirelibError`, or does not end in time, is a finding of this name.
        seconds: Seconds after which checks that still run are given up; they must not change anything.
        remedy: Used for errors without a remedy, and for checks that do not end.

    Returns:
        The findings, in the order of `checks`.
    """
    results: dict[str, list[Finding]] = {}

    def run(name: str, check: Check) -> None:
        try:
            results[name] = list(check())
        except FirelibError as error:
            results[name] = [Finding.from_error(name, error, remedy)]

    # Daemons, since the process may end before a check that waits for a network does.
    threads = [threading.Thread(target=run, args=item, daemon=True) for item in checks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no response within {seconds:g} s"
    return [finding for name in checks for finding in results.get(name, [Finding(name, "error", late, remedy)])]
