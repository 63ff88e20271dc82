"""The lock of a cluster on its head: one person sets it up at a time.

    setup_lock.py [--check] take OWNER TOKEN SECONDS [ENDED_TOKEN]
    setup_lock.py release TOKEN
    setup_lock.py show

A lock is taken over if its token is TOKEN or ENDED_TOKEN (a process that its caller knows to have ended), or if it is
older than SECONDS. Otherwise `take` prints who holds it and exits with code 1. Standard library only.
"""

import fcntl
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILE = Path("/etc/firelib/setup.lock")


def main(arguments: list[str], file: Path = FILE) -> int:
    is_check = "--check" in arguments
    action, *rest = [argument for argument in arguments if argument != "--check"]
    if action == "show":
        print(json.dumps(read(file)))
        return 0
    if action == "release":
        release(file, rest[0])
        return 0
    owner, token, seconds, *ended = rest
    holder = take(file, {"owner": owner, "token": token}, float(seconds), ended, is_check)
    if holder:
        print(f"{holder['owner']} sets up this cluster since {stamp(holder['since'])}")
    return 1 if holder else 0


def take(file: Path, wanted: dict[str, Any], seconds: float, ended: list[str], is_check: bool) -> dict[str, Any]:
    """Take the lock, or return who holds it."""
    if is_check:
        return blocks(read(file), wanted["token"], seconds, ended)
    with exclusive(file):
        holder = blocks(read(file), wanted["token"], seconds, ended)
        if not holder:
            file.write_text(json.dumps({**wanted, "since": time.time()}), encoding="utf-8")
    return holder


def blocks(holder: dict[str, Any], token: str, seconds: float, ended: list[str]) -> dict[str, Any]:
    """The holder, unless the lock is free for this token."""
    is_free = not holder or holder["token"] in (token, *ended) or time.time() - holder["since"] > seconds
    return {} if is_free else holder


def release(file: Path, token: str) -> None:
    """Give the lock back, if this token holds it."""
    if not file.exists():
        return
    with exclusive(file):
        if read(file).get("token") == token:
            file.write_text("", encoding="utf-8")


def read(file: Path) -> dict[str, Any]:
    """The content of the lock; nothing if it is free, or was cut short by a power cut."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Keep other callers of this program out; the file itself stays, so that both lock the same one."""
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with file.open("a") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def stamp(since: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(since))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
