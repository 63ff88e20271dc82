"""A comparison of a hash that is pinned with the hash of what is there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firelib import storage
from firelib.errors import FirelibError

#: What is found where a file is missing.
MISSING = "missing"

_CHUNK_BYTES = 1 << 20


class Digest(Protocol):
    """A hash that is being computed, as hashlib and xxhash have them."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The hash of all bytes so far, in hex."""


@dataclass(frozen=True)
class Check:
    """A comparison.

    Attributes:
        kind: What was hashed: `lake`, `shard`, `manifest`, `model`, `metrics`, …
        where: The file or table.
        expected: The hash that is pinned.
        found: The hash of what is there, `MISSING`, or why it cannot be read.
        pinned_by: What pins it.
        remedy: What to do if both differ, as an imperative.
        left_out: Why nothing was compared; empty if it was.
    """

    kind: str
    where: str
    expected: str
    found: str
    pinned_by: str
    remedy: str
    left_out: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether nothing has changed, as far as it was compared."""
        return bool(self.left_out) or self.expected == self.found

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: expected {self.expected} ({self.pinned_by}), got {self.found}"


class ChangedError(FirelibError):
    """Some of what a project holds is not what its hashes pin.

    Args:
        changed: The comparisons that fail.
        where: The project's folder.

    Attributes:
        changed: The same.
    """

    def __init__(self, changed: list[Check], where: str) -> None:
        lines = [str(check) for check in changed]
        remedies = list(dict.fromkeys(check.remedy for check in changed))
        super().__init__("\n".join(lines), where=where, remedy="; ".join(remedies))
        self.args = (changed, where)  # Ray and pickle call the constructor with them
        self.changed = changed


def hash_or_missing(path: Path, digest: Callable[[Path], str]) -> str:
    """The hash of a file or folder, or why there is none.

    Args:
        path: The file or folder.
        digest: Computes the hash.
    """
    try:
        return digest(path) if path.exists() else MISSING
    except OSError as error:
        return f"unreadable: {error.strerror or error}"


def leave_out(kind: str, where: str, reason: str) -> Check:
    """What is pinned, but cannot be compared here.

    Args:
        kind: What would be hashed.
        where: The file, folder or table.
        reason: Why it is not.
    """
    return Check(kind, where, "", "", "", "", reason)


def hash_stored(uri: str, digest: Digest) -> str:
    """The hash of a file on this machine or in a bucket, or why there is none.

    Args:
        uri: The file.
        digest: A new hash.
    """
    fs, path = storage.filesystem(uri)
    try:
        with storage.explain_storage(uri), fs.open(path, "rb") as file:
            while block := file.read(_CHUNK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        return f"unreadable: {error.strerror or error}"
    except FirelibError as error:
        return f"unreadable: {error.headline}"
    return digest.hexdigest()
