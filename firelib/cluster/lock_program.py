"""The lock of a cluster, a file on its head: one command at a time changes it.

    lock_program.py [--check] FILE take OWNER TOKEN SECONDS [ENDED_TOKEN]
    lock_program.py FILE renew TOKEN [KEEPER]
    lock_program.py FILE release TOKEN

`take` takes a lock over if its token is TOKEN or ENDED_TOKEN (a process that the caller knows to have ended), or if it
was not renewed for SECONDS. Otherwise it prints the lock's content as JSON and exits with code 1. `renew` also notes
KEEPER, the process that renews the lock, and exits with code 4 if another token holds the lock: sudo's own code is 1.

`firelib.cluster.setup_lock` sends this text to the Python of the head: standard library only.
"""

import fcntl
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_HELD, _LOST = 1, 4


def main(arguments: Sequence[str]) -> int:
    """Run the program.

    Args:
        arguments: Its command line.

    Returns:
        The exit code.
    """
    is_check = "--check" in arguments
    path, action, *rest = [argument for argument in arguments if argument != "--check"]
    file = Path(path)
    if action == "renew":
        token, *keeper = rest
        changes = {"renewed": time.time(), **({"keeper": keeper[0]} if keeper else {})}
        return 0 if _update(file, token, changes) else _LOST
    if action == "release":
        _update(file, rest[0], None)
        return 0
    owner, token, seconds, *ended = rest
    holder = _take(file, {"owner": owner, "token": token}, float(seconds), ended, is_check)
    if holder:
        sys.stdout.write(f"{json.dumps(holder)}\n")
    return _HELD if holder else 0


def _take(file: Path, wanted: dict[str, Any], seconds: float, ended: list[str], is_check: bool) -> dict[str, Any]:
    """Take the lock, or return its content."""
    if is_check:
        return _find_holder(file, wanted["token"], seconds, ended)
    with _exclusive(file):
        holder = _find_holder(file, wanted["token"], seconds, ended)
        if not holder:
            file.write_text(json.dumps({**wanted, "since": time.time()}), encoding="utf-8")
    return holder


def _find_holder(file: Path, token: str, seconds: float, ended: list[str]) -> dict[str, Any]:
    """The content of the lock; nothing if it is free for this token."""
    holder = _read(file)
    if not holder or holder["token"] in (token, *ended):
        return {}
    return {} if time.time() - holder.get("renewed", holder["since"]) > seconds else holder


def _update(file: Path, token: str, changes: dict[str, Any] | None) -> bool:
    """Change the lock's content, or free it without changes; return whether this token holds it."""
    if not file.exists():  # removed with everything else of the cluster
        return False
    with _exclusive(file):
        holder = _read(file)
        if holder.get("token") != token:
            return False
        file.write_text("" if changes is None else json.dumps(holder | changes), encoding="utf-8")
    return True


def _read(file: Path) -> dict[str, Any]:
    """The content of the lock; nothing if it is free, or was cut short by a power cut."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


@contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Keep other callers of this program out; the file itself stays, so that both lock the same one."""
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with file.open("a") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
