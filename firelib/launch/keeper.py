"""Stays beside a local job's stage, passes SIGTERM on, and leaves its exit code: `python -m firelib.launch.keeper`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.variables import SECRETS, TIMEOUT, read_secrets

_GRACE_SECONDS = 90.0


def keep(folder: Path, words: list[str]) -> int:
    """Run a stage to its end.

    Args:
        folder: Where the exit code goes.
        words: The stage and its options.

    Returns:
        Its exit code; that of a signal is 128 more than its number, as in a shell.
    """
    code = 1
    try:
        code = _run(words)
    except FirelibError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  this is the job's log
    finally:
        storage.write_bytes(str(folder / "exit_code"), str(code).encode())
    return code


def _run(words: list[str]) -> int:
    secrets = read_secrets(json.loads(os.environ.pop(SECRETS, "{}")))
    seconds = os.environ.pop(TIMEOUT, None)
    command = [sys.executable, "-c", "from firelib.cli import main; main()", *words]
    with subprocess.Popen(command, env={**os.environ, **secrets}) as stage:  # noqa: S603  # our own program
        signal.signal(signal.SIGTERM, lambda *_: stage.terminate())
        try:
            code = stage.wait(float(seconds) if seconds else None)
        except subprocess.TimeoutExpired:
            print(f"timeout of {seconds} s: stopping", file=sys.stderr)  # noqa: T201
            code = _stop(stage)
    return code if code >= 0 else 128 - code


def _stop(stage: "subprocess.Popen[bytes]") -> int:
    stage.terminate()
    try:
        return stage.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        stage.kill()
        return stage.wait()


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1]), sys.argv[2:]))
