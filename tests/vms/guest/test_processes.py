import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firelib.vms.guest.processes import PROGRAM, end_processes, find_guests, guest_name

IGNORES_SIGTERM = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@contextmanager
def process(folder: Path, *arguments: str, program: str = PROGRAM) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with the arguments of a VM: Python under QEMU's name."""
    command = [f"/usr/bin/{program}", "-c", IGNORES_SIGTERM, *arguments]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        try:
            yield running
        finally:
            running.kill()


def test_only_processes_with_the_mark_and_the_folder_are_found(tmp_path: Path) -> None:
    mine, disk = guest_name("lab", "10.20.0.10"), f"file={tmp_path}/disk"
    others = [
        process(tmp_path, "-name", guest_name("lab-2", "10.20.0.10"), disk),
        process(tmp_path, "-name", mine, "file=/elsewhere/disk"),
        process(tmp_path, "-name", mine, disk, program="editor"),
        process(tmp_path, disk, "-name"),
    ]
    with others[0], others[1], others[2], others[3]:
        assert find_guests("lab", tmp_path) == {}
        with process(tmp_path, "-name", mine, disk) as running:
            found = find_guests("lab", tmp_path)
            assert {address: found[address].pid for address in found} == {"10.20.0.10": running.pid}


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firelib.vms.guest.processes._END_SECONDS", 0.2)
    with process(tmp_path, "-name", guest_name("lab", "10.20.0.10"), f"file={tmp_path}/disk"):
        end_processes(list(find_guests("lab", tmp_path).values()))
        assert find_guests("lab", tmp_path) == {}


def test_a_process_that_has_ended_is_no_error(tmp_path: Path) -> None:
    with process(tmp_path, "-name", guest_name("lab", "10.20.0.10"), f"file={tmp_path}/disk") as running:
        found = list(find_guests("lab", tmp_path).values())
        running.kill()
        running.wait()
    end_processes(found)
