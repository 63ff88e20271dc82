"""A stage as a child: SIGTERM is passed on, a time limit holds, secrets are read here, its exit code is given back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from firelib.console import note
from firelib.launch.job_environment import SECRETS, TIMEOUT, read_secrets

_GRACE_SECONDS = 90.0


def run_stage(words: Sequence[str], more: Mapping[str, str]) -> int:
    """Run a stage to its end.

    Args:
        words: The stage and its options.
        more: Variables beside those of this process.

    Returns:
        Its exit code; that of a signal is 128 more than its number, as in a shell.

    Raises:
        FirelibError: A secret is missing.
    """
    environment = {**os.environ, **more}
    secrets = read_secrets(json.loads(environment.pop(SECRETS, "{}")))
    seconds = environment.pop(TIMEOUT, None)
    command = [sys.executable, "-m", "firelib.cli", *words]
    with subprocess.Popen(command, env={**environment, **secrets}) as stage:  # noqa: S603  # our own program
        before = signal.signal(signal.SIGTERM, lambda *_: stage.terminate())
        try:
            code = stage.wait(float(seconds) if seconds else None)
        except subprocess.TimeoutExpired:
            note(f"timeout of {seconds} s: stopping")
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
