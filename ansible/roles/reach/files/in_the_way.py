"""What would be in the way of Ray on this host, one line each: another Ray, or programs that listen on its ports.

    in_the_way.py FOLDER [PORT ...]

Run as root, which sees the processes of all users. Standard library only: hosts may have nothing else yet.
"""

import pwd
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_SERVERS = ("/core/src/ray/gcs/gcs_server", "/core/src/ray/raylet/raylet")
_LISTENS = "0A"  # state of a socket in /proc/net/tcp


def main() -> None:
    folder, *ports = sys.argv[1:]
    for line in in_the_way(PROC, Path(folder), [int(port) for port in ports]):
        print(line)


def in_the_way(proc: Path, folder: Path, ports: list[int]) -> list[str]:
    """Nothing if all that runs is the Ray of this folder, which holds its ports by right."""
    packages, ours = ray_packages(proc), {folder, folder.resolve()}
    others = [f"{_version(package)} {whose}" for package, whose in packages.items() if ours.isdisjoint(package.parents)]
    return others if packages else list(taken(proc, ports))


def ray_packages(proc: Path) -> dict[Path, str]:
    """Folder of each Ray that runs → one of its processes."""
    return {
        Path(process.program.removesuffix(server)): f"runs from {process.program.removesuffix(server)} ({process})"
        for process in processes(proc)
        for server in _SERVERS
        if process.program.endswith(server)
    }


def taken(proc: Path, ports: list[int]) -> Iterator[str]:
    """Which of these ports a program listens on, and which program."""
    sockets = dict(_listening(proc))
    for port in ports:
        if port in sockets:
            holders = (process for process in processes(proc) if process.holds(f"socket:[{sockets[port]}]"))
            holder = next((f"{process.name} ({process})" for process in holders), "a hidden program")
            yield f"{holder} listens on port {port}"


class Process(NamedTuple):
    """A process of this host: its folder in /proc, its user, its name, its program as it was called."""

    folder: Path
    user: str
    name: str
    program: str

    def __str__(self) -> str:
        return f"process {self.folder.name} of {self.user}"

    def holds(self, link: str) -> bool:
        try:
            return any(str(path.readlink()) == link for path in (self.folder / "fd").iterdir())
        except OSError:  # it, or the file, has just gone
            return False


def processes(proc: Path) -> Iterator[Process]:
    for path in proc.glob("[0-9]*"):
        try:
            program = (path / "cmdline").read_bytes().decode(errors="replace").partition("\0")[0]
            name = (path / "comm").read_text(encoding="utf-8", errors="replace").strip()  # cut after 15 bytes
            yield Process(path, _user(path.stat().st_uid), name, program)
        except OSError:
            continue


def _version(package: Path) -> str:
    try:
        found = re.search(r'^version = "(.+)"', (package / "_version.py").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return f"Ray {found[1]}" if found else "another Ray"


def _listening(proc: Path) -> Iterator[tuple[int, str]]:
    """Port and socket of each program that waits for connections."""
    for table in (proc / "net").glob("tcp*"):  # without IPv6 there is one
        for line in table.read_text(encoding="utf-8").splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, socket, *_ = line.split()
            if state == _LISTENS:
                yield int(local.rpartition(":")[2], 16), socket


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


if __name__ == "__main__":
    main()
