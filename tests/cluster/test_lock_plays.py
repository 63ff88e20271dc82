"""The lock around playbooks, with the real Ansible on hosts that are this machine (stand-ins of ssh and sudo)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.storage import Owner
from tests.cluster.ansible_failures import failures
from tests.cluster.stand_ins import FIRST, HEAD, SECOND, FakeSsh
from tests.dvc_pipeline.processes import Run, process_groups
from tests.patience import wait_until
from tests.project import ROOT

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only

_RAY = """#!/bin/sh
echo "$FAKE_SSH_HOST" >> {folder}/stopped
echo Stopped
"""


class Machine:
    """A user's machine with a cluster file.

    Attributes:
        lock: The lock, which would be on the head.
        held: Copy of the lock's content while a playbook holds it.
    """

    def __init__(self, folder: Path, ssh: FakeSsh, start: Run) -> None:
        self.folder, self.ssh, self._start = folder, ssh, start
        self.lock, self.held = folder / "etc" / "setup.lock", folder / "held"
        raw = yaml.safe_load((ROOT / "cluster" / "cluster.yaml").read_text())
        raw["provider"]["firelib"]["folder"] = str(folder / "opt")
        self.file = folder / "cluster.yaml"
        self.file.write_text(yaml.safe_dump(raw))

    def start(self, playbook: Path, *options: str) -> "subprocess.Popen[str]":
        variables = {"setup_lock_file": str(self.lock), "setup_lock_seconds": 2}
        command = ["ansible-playbook", "-i", str(self.file), "-e", json.dumps(variables), str(playbook), *options]
        own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        own |= {
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_SSH_ARGS": "",
            "ANSIBLE_REMOTE_TMP": f"{self.folder}/tmp",
        }
        return self._start(command, cwd=ROOT, env=os.environ | own, stdout=subprocess.PIPE)

    def play(self, playbook: Path, *options: str) -> str:
        return self.start(playbook, *options).communicate()[0]

    def hold(self, seconds_ago: float, token: str = "desk-1-1") -> None:
        """Let somebody else hold the lock."""
        self.lock.parent.mkdir(exist_ok=True)
        self.lock.write_text(json.dumps({"owner": "ben@desk", "token": token, "since": time.time() - seconds_ago}))

    def holder(self, file: Path) -> dict[str, Any]:
        text = file.read_text() if file.exists() else ""
        return dict(json.loads(text)) if text else {}

    def locked_plays(self, command: str = "true") -> Path:
        """The plays of setup.yml that take and release the lock; in between, a command and a look at the lock."""
        plays = {play["name"]: play for play in yaml.safe_load((ROOT / "ansible" / "setup.yml").read_text())}
        look = {"name": "Look", "ansible.builtin.command": f"cp {self.lock} {self.held}"}
        work = {"name": "Work", "ansible.builtin.shell": command}
        middle = {"hosts": "localhost", "gather_facts": False, "tags": ["always"], "tasks": [work, look]}
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump([plays["Lock the cluster"], middle, plays["Unlock the cluster"]]))
        return playbook


@pytest.fixture
def machine(tmp_path: Path, ssh: FakeSsh) -> Iterator[Machine]:
    ray = tmp_path / "opt" / "venv" / "bin" / "ray"
    ray.parent.mkdir(parents=True)
    ray.write_text(_RAY.format(folder=tmp_path))
    ray.chmod(0o755)
    with process_groups() as start:
        yield Machine(tmp_path, ssh, start)


def test_the_lock_of_the_head_is_renewed_and_released_for_one_worker_and_one_role(machine: Machine) -> None:
    """With a wait of three times the seconds after which it would count as abandoned."""
    said = machine.play(machine.locked_plays("sleep 6"), "--limit", f"{FIRST},localhost", "--tags", "firewall")
    assert failures(said) == []
    held = machine.holder(machine.held)
    assert held["renewed"] - held["since"] > 3
    assert machine.lock.read_text() == ""
    words = {word.rpartition("@")[2] for call in machine.ssh.calls for word in call}
    assert words & {HEAD, FIRST, SECOND} == {HEAD}


def test_a_lock_of_somebody_else_stops_a_limited_playbook(machine: Machine) -> None:
    machine.hold(seconds_ago=1)
    playbook = machine.locked_plays()
    [said] = failures(machine.play(playbook, "--limit", f"{FIRST},localhost", "-e", "setup_lock_seconds=3600"))
    assert "ben@desk has been changing this cluster since" in said
    assert f"To take over now, run sudo rm {machine.lock} on {HEAD}" in said
    assert not machine.held.exists()
    assert machine.holder(machine.lock)["owner"] == "ben@desk"
    machine.hold(seconds_ago=3)  # an abandoned one
    assert failures(machine.play(playbook)) == []


def test_a_lock_of_a_playbook_that_was_killed_with_its_keeper_is_taken_over(machine: Machine) -> None:
    """As by a power cut: this machine knows that the process has ended."""
    code = "from firelib.storage import Owner; print(Owner.current().token)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    machine.hold(seconds_ago=1, token=ended.strip())
    assert failures(machine.play(machine.locked_plays(), "-e", "setup_lock_seconds=3600")) == []
    machine.hold(seconds_ago=1, token=Owner.current().token)
    assert failures(machine.play(machine.locked_plays(), "-e", "setup_lock_seconds=3600")) != []


def test_a_killed_playbook_releases_the_lock(machine: Machine) -> None:
    end = machine.folder / "end"
    playbook = machine.start(machine.locked_plays(f"until test -e {end}; do sleep 0.1; done"))
    wait_until(lambda: "renewed" in machine.holder(machine.lock), 60, "the lock is taken and renewed")
    playbook.kill()
    playbook.wait()
    wait_until(lambda: machine.lock.read_text() == "", 60, "the lock is released")
    end.touch()  # Ansible lets the task end in its own time


def test_a_dry_run_takes_no_lock(machine: Machine) -> None:
    assert failures(machine.play(ROOT / "ansible" / "stop.yml", "--check")) == []
    assert not machine.lock.exists()


def test_stop_takes_the_lock_where_the_head_answers(machine: Machine) -> None:
    stop, stopped = ROOT / "ansible" / "stop.yml", machine.folder / "stopped"
    machine.hold(seconds_ago=1)
    [said] = failures(machine.play(stop, "-e", "setup_lock_seconds=3600"))
    assert "ben@desk" in said
    assert not stopped.exists()
    machine.lock.unlink()
    assert failures(machine.play(stop)) == []
    assert sorted(stopped.read_text().split()) == [HEAD, FIRST, SECOND]
    wait_until(lambda: machine.lock.read_text() == "", 60, "the lock is released")
    stopped.unlink()
    machine.ssh.refuse(head="No route to host")
    assert f"{HEAD} does not answer" in machine.play(stop)
    assert sorted(stopped.read_text().split()) == [FIRST, SECOND]
