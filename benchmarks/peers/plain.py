"""The file system: writes and reads the same bytes without parsing them."""

from collections.abc import Sequence
from pathlib import Path

_CHUNK = 1 << 20

WRITE_SETTINGS = "the same bytes, unbuffered, 1 MiB a call"
READ_SETTINGS = "the same bytes into one buffer, unbuffered, 1 MiB a call"


def write(path: Path, content: bytes) -> None:
    view = memoryview(content)
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(content), _CHUNK):
            file.write(view[start : start + _CHUNK])


def read(files: Sequence[str]) -> None:
    buffer = bytearray(_CHUNK)
    for path in files:
        with Path(path).open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
