"""Run programs of this machine, with errors that contain their output."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from firelib.errors import FirelibError


def run_program(*command: str | Path, check: bool = True, inherit: Sequence[int] = ()) -> str:
    """Run a program and return its output.

    Args:
        command: The program and its arguments.
        check: Whether a failure is an error.
        inherit: File descriptors that the program inherits, such as a lock that it must hold until it ends.

    Raises:
        FirelibError: The program failed; the error contains what it printed.
    """
    arguments = [str(argument) for argument in command]
    done = subprocess.run(  # noqa: S603  # no shell
        arguments,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
        pass_fds=inherit,
    )
    if done.returncode and check:
        raise _failure(arguments, done.returncode, (done.stdout + done.stderr)[-2000:])
    return done.stdout


def _failure(arguments: Sequence[str], code: int, output: str) -> FirelibError:
    return FirelibError(
        f"{arguments[0]} failed with exit code {code}: {output.strip() or 'no output'}",
        where=shlex.join(arguments),
        remedy="remove the cause that it names, then run the same command again: it continues",
    )
