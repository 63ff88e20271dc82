"""A stage as a child process: it receives secrets and SIGTERM, has a time limit, and returns its exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from firelib.console import note
from firelib.launch.job_environment import SECRETS, TIMEOUT, read_secrets

_GRACE_SECONDS = 90.0


class ShutdownFlag:
    """Whether SIGTERM has asked this process to end."""

    def __init__(self) -> None:
        self.is_set = False

    def set(self, *_: object) -> None:
        """Set the flag; a handler of signals."""
        self.is_set = True


def run_stage(arguments: Sequence[str], variables: Mapping[str, str], shutdown: ShutdownFlag | None = None) -> int:
    """Run a stage to its end.

    Args:
        arguments: The stage and its options.
        variables: Variables in addition to the ones of this process.
        shutdown: Flag that SIGTERM sets, before the stage receives it.

    Returns:
        The stage's exit code; 128 plus the number of the signal that ended it, as in a shell.

    Raises:
        FirelibError: A secret is missing.
    """
    environment = {**os.environ, **variables}
    secrets = read_secrets(json.loads(environment.pop(SECRETS, "{}")))
    seconds = environment.pop(TIMEOUT, None)
    flag = shutdown or ShutdownFlag()
    command = [sys.executable, "-m", "firelib.cli", *arguments]
    with subprocess.Popen(command, env={**environment, **secrets}) as stage:  # noqa: S603  our own program

        def forward(*_: object) -> None:
            flag.set()
            stage.terminate()

        before = signal.signal(signal.SIGTERM, forward)
        try:
            code = stage.wait(float(seconds) if seconds else None)
        except subprocess.TimeoutExpired:
            note(f"stopping the stage: the time limit of {seconds} s is reached")
            code = _stop(stage)
        finally:
            signal.signal(signal.SIGTERM, before)
    return code if code >= 0 else 128 - code


def _stop(stage: "subprocess.Popen[bytes]") -> int:
    stage.terminate()
    try:
        return stage.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        stage.kill()
        return stage.wait()
