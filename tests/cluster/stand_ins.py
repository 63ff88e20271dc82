"""A cluster without hosts: stand-ins of ssh, sudo and pgrep on PATH, and a dashboard that says what a test wants."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.cluster import setup_lock, ssh
from firelib.ray_setup.cluster_file import ClusterFile, parse_cluster_file
from tests.http_server import http_server
from tests.project import ROOT

HEAD, FIRST, SECOND = "10.10.0.10", "10.10.0.11", "10.10.0.12"
TOKEN = "0123456789abcdef"
# Stands for pgrep on the hosts: FAKE_SSH_RAYLETS is a folder with a file for each host that runs a node, with its id.
_PGREP = """#!/bin/sh
id="$(cat "$FAKE_SSH_RAYLETS/$FAKE_SSH_HOST" 2>/dev/null)"
case "$1:$id" in
    -c:) echo 0; exit 1 ;;
    -c:*) echo 1 ;;
    *:) exit 1 ;;
    *) echo "7 ray/raylet/raylet --node_id=$id --node_ip_address=$FAKE_SSH_HOST" ;;
esac
"""
# sudo -n COMMAND, and with the options that Ansible gives it
_SUDO = """#!/bin/sh
while :; do case "$1" in -u) shift 2 ;; -*) shift ;; *) break ;; esac; done
exec "$@"
"""


def node_id(address: str) -> str:
    """Ray's id of the node that a dashboard lists for a host."""
    return address.replace(".", "")


def cluster(**changes: Any) -> ClusterFile:
    """The repository's cluster file, with changes of `provider`, `auth` or fields at the top."""
    raw = yaml.safe_load((ROOT / "cluster" / "cluster.yaml").read_text())
    for name, value in changes.items():
        raw[name] = {**raw[name], **value} if isinstance(value, dict) else value
    return parse_cluster_file(raw, "cluster.yaml")


@dataclass
class Dashboard:
    """What a head says.

    Attributes:
        alive: Addresses of alive nodes.
        jobs: Jobs, as Ray's API lists them.
        is_up: Whether Ray answers; otherwise HTTP 503.
        is_cut_short: Whether the connection ends before the answer does.
    """

    alive: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    is_up: bool = True
    is_cut_short: bool = False
    address: str = ""

    def answer(self, path: str) -> Any:
        if path.startswith("/api/v0/nodes"):
            nodes = [self._node(address, "ALIVE") for address in self.alive]
            nodes += [self._node(address, "DEAD") for address in self.dead]
            return {"result": True, "data": {"result": {"total": len(nodes), "result": nodes}}}
        return self.jobs

    @staticmethod
    def _node(address: str, state: str) -> dict[str, Any]:
        resources = {"CPU": 8.0, "GPU": 1.0, "memory": 1e9}
        return {"node_ip": address, "node_id": node_id(address), "state": state, "resources_total": resources}


@contextmanager
def dashboard() -> Iterator[Dashboard]:
    """Serve a dashboard with a token on loopback."""
    said = Dashboard()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            data = json.dumps(said.answer(self.path)).encode()
            self.send_response(200 if allowed and said.is_up else 503 if allowed else 401)
            self.send_header("Content-Length", str(len(data) + said.is_cut_short))
            self.end_headers()
            self.wfile.write(data)

    with http_server(Handler) as address:
        said.address = address
        yield said


@dataclass(frozen=True)
class FakeSsh:
    """The stand-in of ssh on PATH, and what hosts run."""

    log: Path
    patch: pytest.MonkeyPatch
    raylets: Path

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def refuse(self, **hosts: str) -> None:
        """Let hosts refuse; keys are names below of addresses."""
        addresses = {"head": HEAD, "first": FIRST, "second": SECOND}
        self.patch.setenv("FAKE_SSH_REFUSES", json.dumps({addresses[name]: said for name, said in hosts.items()}))

    def mark(self, address: str, name: str) -> None:
        """Mark a host as a part of the cluster with this name."""
        marks = self.log.parent / "marks"
        marks.mkdir(exist_ok=True)
        (marks / address).write_text(f"{name}\n")

    def run_nodes(self, *addresses: str) -> None:
        """Let these hosts, and no others, run the nodes that a dashboard would list for them."""
        for file in self.raylets.iterdir():
            file.unlink()
        for address in addresses:
            (self.raylets / address).write_text(node_id(address))


def put_on_path(folder: Path, patch: pytest.MonkeyPatch, said: Dashboard) -> FakeSsh:
    """Put the stand-in first on PATH, with a home folder of its own that has the token."""
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S {ROOT}/tests/cluster/fake_ssh.py "$@"\n')
    program.with_name("pgrep").write_text(_PGREP)
    program.with_name("sudo").write_text(_SUDO)
    for path in program.parent.iterdir():
        path.chmod(0o755)
    raylets = folder / "raylets"
    raylets.mkdir()
    (folder / "home" / ".ray").mkdir(parents=True)
    (folder / "home" / ".ray" / "auth_token").write_text(TOKEN)
    patch.setenv("HOME", str(folder / "home"))
    patch.setenv("PATH", str(program.parent), prepend=":")
    patch.setenv("FAKE_SSH_LOG", str(folder / "log"))
    patch.setenv("FAKE_SSH_DASHBOARD", said.address)
    patch.setenv("FAKE_SSH_RAYLETS", str(raylets))
    patch.setattr(setup_lock, "LOCK_FILE", str(folder / "etc" / "setup.lock"))  # the hosts are this machine
    patch.setattr(ssh, "MARK_FILE", f"{folder}/marks/$FAKE_SSH_HOST")
    return FakeSsh(folder / "log", patch, raylets)
