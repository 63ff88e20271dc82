"""Where replicas of a job meet: small files in the job's folder, which only the job's identity can read.

`head.json`   what replica 0 leaves for the others: address, one-off token, number of the attempt.
`joined/…`    one file for each replica that has joined an attempt.
`ended.json`  the driver's exit code; it ends all.
"""

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.errors import FirelibError


@dataclass(frozen=True)
class Head:
    """What others need to join.

    Attributes:
        address: `host:port` of Ray's head.
        token: Asked for by every node; made for this attempt alone.
        attempt: Name of this start of replica 0: a replica 0 that was restarted has another.
    """

    address: str
    token: str
    attempt: str


def new_head(address: str) -> Head:
    return Head(address, secrets.token_hex(32), secrets.token_hex(4))


@dataclass(frozen=True)
class Rendezvous:
    """The folder in which a job's replicas meet.

    Attributes:
        uri: Below the job's output folder.
    """

    uri: str

    def announce(self, head: Head) -> None:
        """Say where the head is. Nobody else on a shared folder may read it: it holds the token."""
        storage.remove_file(self._file("ended.json"))
        _write_private(self._file("head.json"), storage.to_json(asdict(head)))

    def head(self) -> Head | None:
        """The head that was announced last."""
        raw = _read(self._file("head.json"))
        return Head(**raw) if raw else None

    def join(self, index: int, head: Head) -> None:
        """Say that a replica has joined."""
        storage.write_bytes(self._joined(index, head), b"\n")

    def joined(self, count: int, head: Head) -> list[int]:
        """Replicas beside the head that have joined it."""
        return [index for index in range(1, count) if storage.exists(self._joined(index, head))]

    def end(self, head: Head, code: int) -> None:
        """Say that the driver has ended."""
        storage.write_bytes(self._file("ended.json"), storage.to_json({"attempt": head.attempt, "code": code}))

    def ended(self) -> tuple[str, int] | None:
        """Attempt and exit code of the driver that ended last."""
        raw = _read(self._file("ended.json"))
        return (raw["attempt"], raw["code"]) if raw else None

    def clear(self) -> None:
        """Take the token away when it opens nothing any more."""
        storage.remove_file(self._file("head.json"))

    def _file(self, name: str) -> str:
        return storage.join(self.uri, name)

    def _joined(self, index: int, head: Head) -> str:
        return self._file(f"joined/{head.attempt}-{index}")


def _read(uri: str) -> dict[str, Any] | None:
    try:
        return dict(storage.read_json(uri))
    except (FirelibError, OSError):  # not there yet, or being replaced
        return None


def _write_private(uri: str, data: bytes) -> None:
    if not storage.is_local(uri):
        storage.write_bytes(uri, data)  # a bucket's rights are those of the job's identity
        return
    path = Path(storage.absolute(uri))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    storage.write_bytes(uri, data)
    path.chmod(0o600)
