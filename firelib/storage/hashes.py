"""SHA-256 of files and values."""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import IO, Any

from firelib.storage.json_files import to_json

_CHUNK_BYTES = 1 << 20


def sha256_file(path: Path) -> str:
    """SHA-256 of a local file, in hex."""
    with path.open("rb") as file:
        return _sha256(file)


def sha256_content(path: Path) -> str:
    """SHA-256 of the content of a local file, in hex: of the unpacked data of a gzip file, else of the file."""
    try:
        with gzip.open(path) as file:
            return _sha256(file)
    except (OSError, EOFError, zlib.error):  # not gzip, or damaged, which the reader of the file reports
        return sha256_file(path)


def _sha256(file: IO[bytes] | gzip.GzipFile) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(to_json(value)).hexdigest()
