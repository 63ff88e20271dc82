"""`dvc repro` as a child process: forward signals to the running stage, and wait for its end."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from firelib.console import note
from firelib.errors import STOPPED_FILE, FirelibError, StoppedError
from firelib.parent_watch import RUN_PROCESS, identify_process
from firelib.signals import sigterm_as_ctrl_c

_GRACE_SECONDS = 60.0
_TERMINAL_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.2
_WATCH_SECONDS = 1.0


class _EndEarlyError(Exception):
    """What is watched beside the stages asks for their end."""


@dataclass(frozen=True)
class Repro:
    """A call of `dvc repro`.

    Attributes:
        project: The project's folder.
        targets: DVC targets.
        force: Run stages that are up to date, too.
        forced_first: DVC targets to run first, up to date or not.
        watch: Called every second while stages run; if it returns True, the stages are ended.
    """

    project: Path
    targets: Sequence[str]
    force: bool = False
    forced_first: Sequence[str] = ()
    watch: "Callable[[DvcProcess], bool] | None" = None

    def run(self, variables: Mapping[str, str]) -> int:
        """Run the stages. SIGTERM and Ctrl-C reach the running stage once, however many processes receive them.

        Args:
            variables: Environment variables of the stages, such as the address of the running Ray.

        Returns:
            DVC's exit code; 75 if SIGTERM arrived, or a stage was stopped and can be resumed.

        Raises:
            FirelibError: Another process has killed DVC; the stage is killed, too.
            KeyboardInterrupt: Ctrl-C was pressed, and the stage has ended.
        """
        if self.forced_first:
            code = self._call(["--force", "--single-item", *self.forced_first], variables)
            if code:
                return code
        return self._call([*(["--force"] if self.force else []), *self.targets], variables)

    def _call(self, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
        bin_folder = Path(sys.executable).parent  # dvc.yaml calls `firelib`: it must be the one of this environment
        path = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"
        command = [sys.executable, "-m", "firelib.dvc_pipeline.dvc_child", str(os.getpid()), "--wait-for-lock", "repro"]
        with tempfile.TemporaryDirectory() as folder:
            stopped = Path(folder, "stopped")  # DVC returns the same exit code for every failure of a stage
            ours = {"PATH": path, STOPPED_FILE: str(stopped), RUN_PROCESS: identify_process()}
            environment = {**os.environ, **ours, **variables}
            with subprocess.Popen([*command, *arguments], cwd=self.project, env=environment) as dvc:  # noqa: S603  our own
                code = _wait(DvcProcess(dvc, str(stopped), self.watch))
            return StoppedError.exit_code if stopped.exists() else code


class DvcProcess:
    """DVC and the stage that it runs.

    Args:
        dvc: DVC's process.
        mark: Value of `STOPPED_FILE` in its environment, which every stage inherits.
        watch: Called every second; if it returns True, the stages are ended.
    """

    def __init__(
        self, dvc: "subprocess.Popen[bytes]", mark: str, watch: "Callable[[DvcProcess], bool] | None" = None
    ) -> None:
        self._dvc, self._mark, self._watch = dvc, mark, watch
        self._stages, self._signalled = set[psutil.Process](), set[psutil.Process]()

    def wait(self) -> int:
        """Wait for DVC, then for a stage that has outlived it and got a signal."""
        code = self._wait_for_dvc()
        psutil.wait_procs(self._stages, timeout=_GRACE_SECONDS)
        return code

    def _wait_for_dvc(self) -> int:
        while self._watch is not None:
            try:
                return self._dvc.wait(_WATCH_SECONDS)
            except subprocess.TimeoutExpired:
                if self._watch(self):
                    self._watch = None
                    raise _EndEarlyError from None
        return self._dvc.wait()

    def runs(self, stage: str) -> bool:
        """Whether a stage's process is running.

        Args:
            stage: A word of its command.
        """
        for process in self._find_children():
            with suppress(psutil.Error):
                if stage in process.cmdline():
                    return True
        return False

    def stop(self, number: signal.Signals) -> None:
        """Send a signal to the running stage; to DVC if there is none. Each process gets it once.

        Args:
            number: The signal.
        """
        stages = self._find_stages()
        self._stages |= stages
        for process in (stages or self._find_dvc()) - self._signalled:
            with suppress(psutil.NoSuchProcess):  # it has ended
                process.send_signal(signal.SIGINT if process.pid == self._dvc.pid else number)
            self._signalled.add(process)

    def _find_dvc(self) -> set[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return {psutil.Process(self._dvc.pid)}
        return set()

    def _find_stages(self) -> set[psutil.Process]:
        """Find the process below each of DVC's shells; what a stage itself has started is its own business.

        A signal for the process group ends the shell before the stage, which is then found by its environment.
        """
        below = self._find_children()
        if below:
            return below
        marked = {process.pid: process for process in psutil.process_iter() if _has_mark(process, self._mark)}
        return {process for pid, process in marked.items() if pid != self._dvc.pid and _parent(process) not in marked}

    def _find_children(self) -> set[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return {_find_stage(child) for child in psutil.Process(self._dvc.pid).children()}
        return set()

    def forget_signals(self) -> None:
        """Let the next `stop` signal every process again."""
        self._signalled.clear()

    def kill(self) -> None:
        """Kill DVC and everything that it has started."""
        for stage in self._find_stages():  # with a shell that was killed, it is no descendant of DVC any more
            _kill_tree(stage)
        with suppress(psutil.NoSuchProcess):
            _kill_tree(psutil.Process(self._dvc.pid))

    def has_ended(self) -> bool:
        """Whether DVC and the stages that it has left behind have ended."""
        return self._dvc.poll() is not None and not any(map(_is_alive, self._stages | self._find_stages()))


def _kill_tree(process: psutil.Process) -> None:
    """Kill a process and everything that it has started."""
    with suppress(psutil.NoSuchProcess):
        for each in (*process.children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _parent(process: psutil.Process) -> int | None:
    with suppress(psutil.NoSuchProcess):
        return process.ppid()
    return None


def _has_mark(process: psutil.Process, mark: str) -> bool:
    with suppress(psutil.Error):
        return process.environ().get(STOPPED_FILE) == mark
    return False


def _find_stage(process: psutil.Process) -> psutil.Process:
    """Find the stage below the shell that DVC starts, which replaces itself by the stage if it can."""
    with suppress(psutil.Error):
        shell = Path(os.environ.get("SHELL") or "/bin/sh").name
        while process.name() == shell and len(children := process.children()) == 1:
            process = children[0]
    return process


def _wait(dvc: DvcProcess) -> int:
    with sigterm_as_ctrl_c() as sigterm:
        try:
            code = dvc.wait()
        except _EndEarlyError:
            _terminate(dvc)
            return dvc.wait()
        except KeyboardInterrupt:
            if not sigterm.received:
                _interrupt(dvc)
                raise
            _terminate(dvc)
            return dvc.wait() and StoppedError.exit_code
    if code < 0:
        dvc.kill()  # its stage goes on without it
        raise FirelibError(
            f"DVC was killed by signal {-code}",
            where="firelib run",
            remedy="run the same command again: finished stages are kept and training resumes; if this repeats, check "
            "the memory with firelib doctor",
        )
    return code


def _terminate(dvc: DvcProcess) -> None:
    """Forward SIGTERM, and wait as long as the stage needs for its checkpoint; a second SIGTERM is forwarded, too."""
    while not dvc.has_ended():
        try:
            dvc.stop(signal.SIGTERM)
            time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            dvc.forget_signals()


def _interrupt(dvc: DvcProcess) -> None:
    """Wait for the end after Ctrl-C; forward it unless the terminal has sent it to all processes."""
    note("\nstopping (press Ctrl-C again to stop immediately)")
    started = time.monotonic()
    forward_after = _TERMINAL_GRACE_SECONDS if _is_in_foreground() else 0.0
    try:
        while not dvc.has_ended() and (waited := time.monotonic() - started) < _GRACE_SECONDS:
            if waited >= forward_after:
                dvc.stop(signal.SIGINT)
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        pass
    if not dvc.has_ended():
        dvc.kill()


def _is_in_foreground() -> bool:
    """Whether this process belongs to the terminal's foreground processes, which all receive its Ctrl-C."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
