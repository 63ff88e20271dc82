"""A source's file on this machine, identified by the hash of its content.

The hash of a `.gz` is the hash of the unpacked data. Equal data give an equal lake, wherever the file comes from and
however it is compressed.
"""

from dataclasses import dataclass
from pathlib import Path

from firelib import storage


@dataclass(frozen=True)
class RawFile:
    """A source's bytes on this machine.

    Attributes:
        path: Local file.
        sha256: Hash of the content (unpacked, for gzip), in hex.
    """

    path: Path
    sha256: str

    def has_hash(self, expected: str) -> bool:
        """Whether the content or the file itself has a hash: publishers of a `.gz` give the hash of the file."""
        return expected.lower() == self.sha256 or expected.lower() == storage.sha256_file(self.path)


def hash_raw_file(path: Path) -> RawFile:
    """A local file with the hash of its content."""
    return RawFile(path, storage.sha256_content(path))
