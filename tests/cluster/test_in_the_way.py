"""The program that looks for what is in the way of Ray on a host."""

import getpass
import os
import socket
from pathlib import Path
from types import ModuleType

import pytest

from tests.cluster.programs import load


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load("roles/reach/files/in_the_way.py")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Without processes and listeners."""
    (tmp_path / "net").mkdir()
    for name in ("tcp", "tcp6"):
        (tmp_path / "net" / name).write_text("a line of headings\n")
    return tmp_path


def write(proc: Path, pid: int, *words: str) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "comm").write_text("some name\n")
    (proc / str(pid) / "cmdline").write_bytes("\0".join(words).encode())


def test_listener_is_named_with_its_process(program: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        [said] = program.taken(program.PROC, [port])
    assert said.endswith(f"(process {os.getpid()} of {getpass.getuser()}) listens on port {port}")
    assert list(program.taken(program.PROC, [port])) == []


def test_own_ray_is_not_in_the_way(program: ModuleType, proc: Path) -> None:
    package = "/opt/firelib/venv/lib/python3.11/site-packages/ray"
    write(proc, 7, f"{package}/core/src/ray/gcs/gcs_server", "--gcs_server_port=6379")
    write(proc, 8, "python", f"{package}/_private/log_monitor.py")
    assert program.in_the_way(proc, Path("/opt/firelib"), [6379]) == []


def test_a_name_that_is_cut_within_a_character_is_no_error(program: ModuleType, proc: Path) -> None:
    """Linux keeps 15 bytes of a process's name."""
    write(proc, 7, "/usr/bin/übersetzungs-ärger")
    (proc / "7" / "comm").write_bytes("übersetzungs-ärger".encode()[:15] + b"\n")
    assert [process.name for process in program.processes(proc)] == ["übersetzungs-\ufffd"]
    assert program.in_the_way(proc, Path("/opt/firelib"), [6379]) == []


def test_another_ray_is_named_with_its_version(program: ModuleType, proc: Path, tmp_path: Path) -> None:
    package = tmp_path / "venv" / "ray"
    package.mkdir(parents=True)
    (package / "_version.py").write_text('commit = "b7"\nversion = "2.1.0"\n')
    write(proc, 7, f"{package}/core/src/ray/raylet/raylet", "--raylet_socket_name=x")
    whose = f"process 7 of {getpass.getuser()}"
    assert program.in_the_way(proc, Path("/opt/firelib"), []) == [f"Ray 2.1.0 runs from {package} ({whose})"]
    (package / "_version.py").unlink()
    assert program.in_the_way(proc, Path("/opt/firelib"), []) == [f"another Ray runs from {package} ({whose})"]
