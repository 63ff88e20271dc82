"""The commands of playbooks for the lock, with a process in the place of a playbook and another one for its tasks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firelib.cluster.lock_command import main
from tests.cluster.stand_ins import HEAD, FakeSsh
from tests.patience import wait_until
from tests.project import ROOT

# Prints the token and the descriptor of its pipe, and forks a worker, which holds the pipe open until it reads a line.
PLAYBOOK = """
import os, sys
from firelib.storage import Owner
reading, _ = os.pipe()
print(Owner.current().token, reading, flush=True)
if os.fork() == 0:
    sys.stdin.readline()
    os._exit(0)
while True:
    os.wait()
"""


class Playbook:
    """A process in the place of a playbook.

    Attributes:
        process: The process; its worker ends when a line is written to it.
        token: Names the process.
        pipe: Descriptor of the reading end of its pipe.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        self.process = process
        self.token, self.pipe = process.stdout.readline().split()

    def end_task(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def playbook() -> Iterator[Playbook]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", PLAYBOOK], cwd=ROOT, **pipes) as process:
        yield Playbook(process)
        process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "firelib" / "setup.lock"


def renewed(file: Path) -> float:
    """When the lock was renewed; 0 while it is free, or being written."""
    text = file.read_text()
    return float(json.loads(text)["renewed"]) if text else 0.0


def command(action: str, file: Path, token: str, *options: str) -> int:
    words = [action, "--cluster", str(ROOT / "cluster" / "cluster.yaml"), "--file", str(file), "--token", token]
    return main([*words, "--owner", "ann@laptop", *options])


def test_a_lock_is_renewed_and_released_only_when_the_tasks_of_a_killed_playbook_have_ended(
    ssh: FakeSsh, file: Path, playbook: Playbook, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--seconds", "1", "--tasks-pipe", playbook.pipe)
    assert command("take", file, playbook.token, *options, "--check") == os.EX_OK
    assert not file.exists()
    assert command("take", file, playbook.token, *options) == os.EX_OK
    wait_until(lambda: "keeper" in file.read_text(), 60, "the lock is renewed")
    assert command("take", file, "desk-1-1", "--seconds", "3600") == 1
    playbook.process.kill()
    playbook.process.wait()
    before = renewed(file)
    assert command("take", file, "desk-1-1", "--seconds", "3600") == 3
    assert "its tasks still run" in capsys.readouterr().err
    wait_until(lambda: renewed(file) > before, 60, "the lock is renewed again")
    playbook.end_task()
    assert command("take", file, "desk-1-1", "--seconds", "3600", "--wait") == os.EX_OK


def test_without_a_pipe_the_lock_is_released_with_the_playbook(ssh: FakeSsh, file: Path, playbook: Playbook) -> None:
    """As on systems without /proc."""
    assert command("take", file, playbook.token, "--seconds", "1") == os.EX_OK
    wait_until(lambda: "keeper" in file.read_text(), 60, "the lock is renewed")
    playbook.process.kill()
    playbook.process.wait()
    wait_until(lambda: file.read_text() == "", 60, "the lock is released")
    playbook.end_task()


def test_a_released_lock_is_not_taken_back_by_its_keeper(ssh: FakeSsh, file: Path, playbook: Playbook) -> None:
    assert command("take", file, playbook.token, "--tasks-pipe", playbook.pipe) == os.EX_OK
    wait_until(lambda: "keeper" in file.read_text(), 60, "the lock is renewed")
    assert command("release", file, playbook.token) == os.EX_OK
    assert file.read_text() == ""
    assert command("take", file, "desk-1-1", "--check") == os.EX_OK


def test_a_head_that_does_not_answer_is_an_error_unless_it_may_be_off(
    ssh: FakeSsh, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ssh.refuse(head="No route to host")
    assert command("take", file, "desk-1-1") == 1
    assert "No route to host" in capsys.readouterr().err
    assert command("take", file, "desk-1-1", "--if-reachable") == os.EX_OK
    assert capsys.readouterr().out.split()[0] == HEAD
    assert not file.exists()
