"""The lock of a cluster, a file on its head: one person changes it at a time.

    setup_lock.py [--check] FILE take OWNER TOKEN SECONDS [ENDED_TOKEN]
    setup_lock.py FILE renew|release TOKEN
    setup_lock.py FILE show

A lock is taken over if its token is TOKEN or ENDED_TOKEN (a process that its caller knows to have ended), or if it was
not renewed for SECONDS. Otherwise `take` prints who holds it and exits with code 1, as `renew` does if another one
holds it. Standard library only.
"""

import fcntl
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    is_check = "--check" in arguments
    path, action, *rest = [argument for argument in arguments if argument != "--check"]
    file = Path(path)
    if action == "show":
        print(json.dumps(read(file)))
        return 0
    if action in ("renew", "release"):
        content = {"renewed": time.time()} if action == "renew" else None
        return 0 if update(file, rest[0], content) or action == "release" else 1
    owner, token, seconds, *ended = rest
    holder = take(file, {"owner": owner, "token": token}, float(seconds), ended, is_check)
    if holder:
        print(f"{holder['owner']} has been changing this cluster since {stamp(holder['since'])}")
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
    if not holder or holder["token"] in (token, *ended):
        return {}
    return {} if time.time() - holder.get("renewed", holder["since"]) > seconds else holder


def update(file: Path, token: str, changes: dict[str, Any] | None) -> bool:
    """Change the lock's content, or free it without changes; return whether this token holds it."""
    if not file.exists():  # removed with everything else of the cluster
        return False
    with exclusive(file):
        holder = read(file)
        if holder.get("token") != token:
            return False
        file.write_text("" if changes is None else json.dumps(holder | changes), encoding="utf-8")
    return True


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
