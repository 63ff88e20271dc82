"""How the `firelib` command ends: one message and one exit code for each kind of end."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from firelib.cli.project import current_options
from firelib.errors import STOPPED_FILE, FirelibError, LackOfMemoryError, StoppedError
from firelib.extras import find_extra, missing_modules
from firelib.machine import count_oom_kills, memory_limit
from firelib.parent_watch import RUN_PROCESS
from firelib.signals import sigterm_as_ctrl_c

_INTERRUPTED = 130  # Typer's exit code after Ctrl-C


def run_with_exit_codes(command: Callable[[], object]) -> None:
    """Run a command. An error prints one message and exits with code 1; SIGTERM, with 75; Ctrl-C, with 130.

    Args:
        command: Runs the command line.

    Raises:
        SystemExit: The command has ended.
    """
    with _report_oom_kills(), sigterm_as_ctrl_c() as sigterm:
        try:
            _report_errors(command)
        except SystemExit as end:
            if end.code == _INTERRUPTED:
                _exit_interrupted(sigterm.received)
            raise
        except KeyboardInterrupt:  # the second Ctrl-C, while the first one was handled
            _exit_interrupted(sigterm.received)


def _report_errors(command: Callable[[], object]) -> None:
    try:
        command()
    except FirelibError as error:
        if current_options().debug and not isinstance(error, StoppedError):
            raise
        _exit_with(str(error), error.exit_code)
    except Exception as error:
        if current_options().debug:
            raise
        if isinstance(error, ModuleNotFoundError) and error.name and (extra := find_extra(error.name)):
            _exit_with(str(missing_modules([error.name], [extra], "firelib")))
        _exit_with(f"{type(error).__name__}: {error}\n  remedy: run firelib --debug … to see the traceback")


@contextmanager
def _report_oom_kills() -> Iterator[None]:
    """Say after the block how many processes the kernel killed for lack of memory: their output does not tell."""
    before, is_explained = count_oom_kills(), False
    try:
        yield
    except SystemExit as end:
        is_explained = isinstance(end.__context__, LackOfMemoryError)
        raise
    finally:
        kills = count_oom_kills() - before
        if kills > 0 and not is_explained and RUN_PROCESS not in os.environ:  # `firelib run` says it for its stages
            from firelib.console import note_labelled

            note_labelled(
                "out of memory:",
                "bold yellow",
                f"the kernel killed {kills} processes; the limit is {memory_limit() / 2**30:.1f} GiB\n"
                "  remedy: use a machine or container with more memory, or lower train.workers (WORKERS=, "
                "FIRELIB_WORKERS) or FIRELIB_NUM_CPUS; flights, a small dataset, needs 2.4 GiB with two workers "
                "(docs/costs.md lists what each stage needs)",
            )


def _exit_interrupted(by_sigterm: bool) -> NoReturn:
    from firelib.console import note

    # When KeyboardInterrupt has left code in a string (dataclasses execute such code), CPython remembers it, and at the
    # end of `python -m` kills itself by SIGINT, whatever the exit code. More such code makes it forget.
    exec("")  # noqa: S102  # nothing from outside
    if by_sigterm:
        _exit_with("SIGTERM: nothing is lost, run the same command again to resume", StoppedError.exit_code)
    note("stopped: nothing is lost, run the same command again to resume")
    raise SystemExit(_INTERRUPTED)


def _exit_with(message: str, code: int = 1) -> NoReturn:
    from firelib.console import note_labelled

    if code == StoppedError.exit_code and (file := os.environ.get(STOPPED_FILE)):
        with suppress(OSError):
            Path(file).touch()
    label, style = ("stopped:", "bold yellow") if code == StoppedError.exit_code else ("error:", "bold red")
    note_labelled(label, style, message)
    raise SystemExit(code)
