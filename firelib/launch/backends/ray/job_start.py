"""Start a job on a head that may have begun a moment ago."""

import time
from typing import Any

from firelib.console import note
from firelib.launch.backends.ray.client import HeadNotReadyError, translate_errors

_READY_SECONDS = 300.0
_RETRY_SECONDS = 2.0


def start_job(client: Any, address: str, **request: Any) -> None:
    """Start a job. On a slow host, the agents that start jobs answer minutes after the head does.

    Args:
        client: Ray's `JobSubmissionClient`.
        address: Address of the head, for errors.
        **request: Arguments of `submit_job`; they name the job, so that it starts once.

    Raises:
        LostConnectionError: The head does not answer.
        FirelibError: The head refuses, or no agent has started within five minutes.
    """
    deadline, is_said = time.monotonic() + _READY_SECONDS, False
    while True:
        try:
            with translate_errors(address):
                client.submit_job(**request)
            return
        except HeadNotReadyError:
            if time.monotonic() > deadline:
                raise
        if not is_said:
            note("Ray has just started there: waiting until its agents can start jobs")
            is_said = True
        time.sleep(_RETRY_SECONDS)
