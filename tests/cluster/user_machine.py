"""A user's machine with the real Ansible; the hosts are this machine, too (stand-ins of ssh and sudo)."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.stand_ins import FakeSsh
from tests.dvc_pipeline.processes import Run
from tests.project import ROOT

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
        self.write_program("ray", _RAY.format(folder=folder))

    def write_program(self, name: str, script: str) -> None:
        """Write a program of the hosts' environment."""
        path = self.folder / "opt" / "venv" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def start(self, playbook: Path, *options: str) -> "subprocess.Popen[str]":
        variables: dict[str, Any] = {"setup_lock_file": str(self.lock), "setup_lock_seconds": 2}
        variables["cluster_mark_file"] = f"{self.folder}/marks/{{{{ inventory_hostname }}}}"
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
