"""Leases: a file that says which process does some work. Its holder renews it, and removes it at the end.

Of a process of this machine, it is known whether it runs. One of another host or container is taken for running as long
as it renews its lease.
"""

import json
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from firelib.errors import FirelibError
from firelib.storage.create import create_bytes
from firelib.storage.files import age_seconds, modified_at, read_bytes, remove_file, write_bytes
from firelib.storage.json_files import to_json
from firelib.storage.owner import Owner
from firelib.storage.uris import absolute, is_local

_RENEWED_SECONDS = 10.0
_STALE_SECONDS = 60.0
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """What the holder of a lease does.

    Attributes:
        name: The work, such as `training run flights-0a1b2c3d4e5f`.
        note: Shows a line to the user.
        on_loss: Called in another thread if another process has taken the lease, since it was not renewed in time.
    """

    name: str
    note: Callable[[str], None]
    on_loss: Callable[[], None]


@contextmanager
def hold_lease(uri: str, work: Work) -> Iterator[None]:
    """Hold a lease for the duration of the block: of several processes, one does the work.

    The lease of a process that was killed is taken over: at once if it ran on this machine, otherwise when it has not
    been renewed for a minute.

    Args:
        uri: File of the lease.
        work: What is done in the block.

    Raises:
        FirelibError: Another process does the work.
    """
    about = {"owner": Owner.current().token, "host": platform.node(), "id": uuid.uuid4().hex}
    lease = _Lease(uri, to_json(about), work)
    lease.take()
    try:
        with repeat(lease.renew, _RENEWED_SECONDS):
            yield
    finally:
        lease.release()


@contextmanager
def repeat(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call a function again and again in a background thread for the duration of the block.

    Args:
        action: The function. Its errors are ignored, since the next call may succeed.
        seconds: Time between two calls.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            with suppress(Exception):
                action()

    thread = threading.Thread(target=run, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Lease:
    """The lease of this process.

    Args:
        uri: Its file.
        content: Content of the file, which no other process writes.
        work: What this process does.
    """

    def __init__(self, uri: str, content: bytes, work: Work) -> None:
        self._uri, self._content, self._work, self._is_lost = uri, content, work, False

    def take(self) -> None:
        while not create_bytes(self._uri, self._content):
            held = self._read()
            if held is None:
                continue  # it was released meanwhile
            if not self._is_abandoned(held):
                raise _held(held, self._uri, self._work.name)
            if self._read() == held:  # otherwise another process has taken it over
                remove_file(self._uri)

    def renew(self) -> None:
        if self._is_lost:
            return
        held = self._read()
        if held == self._content:
            write_bytes(self._uri, self._content)
        elif held is not None or not create_bytes(self._uri, self._content):  # somebody may have removed it by hand
            self._is_lost = True
            self._work.on_loss()

    def release(self) -> None:
        with suppress(Exception):  # the storage may be what has failed
            if self._read() == self._content:
                remove_file(self._uri)

    def _read(self) -> bytes | None:
        try:
            return read_bytes(self._uri)
        except FileNotFoundError:
            return None

    def _is_abandoned(self, held: bytes) -> bool:
        owner = Owner.parse(str(_parse(held).get("owner")))
        if owner and owner.is_alive:
            return False
        if owner and (owner.has_abandoned(Path(absolute(self._uri))) if is_local(self._uri) else owner.has_ended):
            return True
        return not self._is_renewed(held)

    def _is_renewed(self, held: bytes) -> bool:
        """Wait as long as the holder of another host may take for a renewal, and return whether there was one."""
        age = (None if is_local(self._uri) else age_seconds(self._uri)) or 0.0
        if age < _STALE_SECONDS:
            left = f"{_STALE_SECONDS - age:.0f} s"
            self._work.note(f"waiting up to {left}: {_describe(held)} was {self._work.name}, and may have been killed")
        written, deadline = modified_at(self._uri), time.monotonic() + _STALE_SECONDS - age
        while time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            now = modified_at(self._uri)
            if now is None:  # released
                return False
            if now != written:
                return True
        return False


def _parse(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _describe(held: bytes) -> str:
    about = _parse(held)
    owner = Owner.parse(str(about.get("owner")))
    return f"process {owner.pid if owner else '?'} on {about.get('host', 'another host')}"


def _held(held: bytes, uri: str, work: str) -> FirelibError:
    return FirelibError(
        f"{_describe(held)} is {work}",
        where=uri,
        remedy="wait until it ends, or stop it there: SIGTERM saves what it has done",
    )
