"""The lock of a cluster as commands of this machine use it, on a head that a stand-in of ssh leads to."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from firelib.cluster import setup_lock
from firelib.cluster.setup_lock import (
    ClusterLockedError,
    SetupLock,
    UnfinishedTasksError,
    hold_setup_lock,
    refuse_locked,
)
from firelib.cluster.ssh import HostUnreachableError
from firelib.errors import FirelibError
from firelib.storage import Owner
from tests.cluster.stand_ins import HEAD, FakeSsh, cluster
from tests.errors import refused
from tests.patience import wait_until
from tests.project import ROOT

FILE = ROOT / "cluster" / "cluster.yaml"
TOKEN = "from firelib.storage import Owner; print(Owner.current().token, flush=True)"
HOLD = """
import sys
from pathlib import Path
from firelib.cluster import setup_lock
from tests.cluster.stand_ins import cluster
setup_lock.LOCK_FILE, setup_lock.ABANDONED_SECONDS = sys.argv[1], 1.0
with setup_lock.hold_setup_lock(Path("cluster/cluster.yaml"), cluster()):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def lock(ssh: FakeSsh) -> Path:
    """The file that would be on the head; its folder is made by the first command that takes the lock."""
    return Path(setup_lock.LOCK_FILE)


def read(lock: Path) -> dict[str, Any]:
    text = lock.read_text() if lock.exists() else ""
    return dict(json.loads(text)) if text else {}


def write(lock: Path, token: str, keeper: str = "") -> None:
    """Let somebody hold the lock."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = {"owner": "ben@desk", "token": token, "since": time.time(), "keeper": keeper}
    lock.write_text(json.dumps(holder))


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", *command], cwd=ROOT, **pipes) as process:
        yield process
        process.kill()


@pytest.fixture
def ended() -> str:
    """The token of a process of this machine that has ended."""
    command = [sys.executable, "-c", TOKEN]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_lock_is_held_during_the_block_only(lock: Path) -> None:
    with hold_setup_lock(FILE, cluster()):
        assert read(lock)["token"] == Owner.current().token
        other = SetupLock(FILE, cluster(), token="desk-1-1")
        with refused(what=setup_lock.identify_caller(), where=HEAD, remedy=f"sudo rm {lock}", kind=ClusterLockedError):
            other.take()
    assert lock.read_text() == ""
    other.take()


def test_a_lock_of_somebody_else_is_respected(lock: Path) -> None:
    write(lock, "desk-1-1")
    with refused(what="ben@desk", where=[lock, HEAD], kind=ClusterLockedError), hold_setup_lock(FILE, cluster()):
        pytest.fail("it is held")
    with refused(what="ben@desk", kind=ClusterLockedError):
        refuse_locked(FILE, cluster())
    assert read(lock)["token"] == "desk-1-1"


def test_a_lock_of_a_command_that_has_ended_is_taken_over(lock: Path, ended: str) -> None:
    """Its keeper has ended, too, or it had none yet; as after a power cut."""
    for keeper in ("", ended):
        write(lock, ended, keeper)
        refuse_locked(FILE, cluster())
        assert read(lock)["token"] == ended
        SetupLock(FILE, cluster(), token="desk-2-2").take()
        assert read(lock)["token"] == "desk-2-2"


def test_the_tasks_of_a_killed_command_are_waited_for(lock: Path, ended: str) -> None:
    """As long as its keeper runs, which follows them."""
    with running(f"{TOKEN}; input()") as keeper:
        assert keeper.stdout
        write(lock, ended, keeper.stdout.readline().strip())
        other = SetupLock(FILE, cluster(), token="desk-2-2")
        with refused(what="ben@desk", where=lock, remedy=f"sudo rm {lock}", kind=UnfinishedTasksError):
            other.take()
        keeper.kill()
    other.take(wait_seconds=1)
    assert read(lock)["token"] == "desk-2-2"


def test_a_killed_command_releases_its_lock(lock: Path) -> None:
    with running(HOLD, str(lock)) as command:
        assert command.stdout
        assert command.stdout.readline() == "held\n"
        wait_until(lambda: "renewed" in read(lock), 60, "the lock is renewed")
        command.kill()
        wait_until(lambda: lock.read_text() == "", 60, "the lock is released")


def test_a_keeper_that_was_killed_does_not_keep_the_lock(lock: Path) -> None:
    with hold_setup_lock(FILE, cluster()):
        wait_until(lambda: "keeper" in read(lock), 60, "the keeper renews the lock")
        keeper = Owner.parse(read(lock)["keeper"])
        assert keeper
        psutil.Process(keeper.pid).kill()
    assert lock.read_text() == ""


def test_a_head_that_does_not_answer_is_an_error_unless_it_may_be_off(
    ssh: FakeSsh, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ssh.refuse(head="No route to host")
    with refused(what="No route to host", kind=HostUnreachableError), hold_setup_lock(FILE, cluster()):
        pytest.fail("it is not held")
    refuse_locked(FILE, cluster())
    assert "No route to host" in capsys.readouterr().err
    assert not lock.exists()


def replace_sudo(ssh: FakeSsh, script: str) -> None:
    (ssh.log.parent / "bin" / "sudo").write_text(f"#!/bin/sh\n{script}\n")


def test_a_head_without_python_is_told(ssh: FakeSsh) -> None:
    replace_sudo(ssh, "echo sudo: python3: command not found >&2; exit 1")
    with refused(what="command not found", where=HEAD, remedy="ansible/setup.yml") as caught:
        SetupLock(FILE, cluster()).take()
    assert type(caught.value) is FirelibError


def test_what_the_heads_shell_prints_at_the_login_is_skipped(ssh: FakeSsh, lock: Path) -> None:
    write(lock, "desk-1-1")
    replace_sudo(ssh, 'echo Welcome; shift; exec "$@"')
    with refused(what="ben@desk", kind=ClusterLockedError):
        SetupLock(FILE, cluster()).take()


def test_the_caller_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError(os.getuid())

    assert "@" in setup_lock.identify_caller()
    monkeypatch.setattr(setup_lock.getpass, "getuser", unknown)
    assert setup_lock.identify_caller().startswith(f"{os.getuid()}@")
