"""What would be in the way of Ray on this host, one line each: another Ray, or programs that listen on its ports.

    in_the_way.py FOLDER [PORT ...]

Run as root, which sees the processes of all users. Standard library only: hosts may have nothing else yet.
"""

import pwd
import re
import sys
from collections.abc import Iterator
from pathlib import Path

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
        Path(words[0].removesuffix(server)): f"runs from {words[0].removesuffix(server)} ({_process(path)})"
        for path, words in _commands(proc)
        for server in _SERVERS
        if words[0].endswith(server)
    }


def taken(proc: Path, ports: list[int]) -> Iterator[str]:
    """Which of these ports a program listens on, and which program."""
    sockets = dict(_listening(proc))
    for port in ports:
        if port in sockets:
            holder = next(_holders(proc, f"socket:[{sockets[port]}]"), "a program that hides itself")
            yield f"{holder} listens on port {port}"


def _version(package: Path) -> str:
    try:
        found = re.search(r'^version = "(.+)"', (package / "_version.py").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return f"Ray {found[1]}" if found else "another Ray"


def _commands(proc: Path) -> Iterator[tuple[Path, list[str]]]:
    for path in proc.glob("[0-9]*/cmdline"):
        try:
            yield path.parent, path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has just ended
            continue


def _listening(proc: Path) -> Iterator[tuple[int, str]]:
    """Port and socket of each program that waits for connections."""
    for name in ("tcp", "tcp6"):
        for line in (proc / "net" / name).read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, socket, *_ = line.split()
            if state == _LISTENS:
                yield int(local.rpartition(":")[2], 16), socket


def _holders(proc: Path, socket: str) -> Iterator[str]:
    for path, words in _commands(proc):
        try:
            if any(str(link.readlink()) == socket for link in (path / "fd").iterdir()):
                yield f"{Path(words[0]).name} ({_process(path)})"
        except OSError:
            continue


def _process(path: Path) -> str:
    return f"process {path.name} of {_user(path.stat().st_uid)}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


if __name__ == "__main__":
    main()
