"""A source's file on this machine, identified by the hash of its content.

The hash of a `.gz` is the hash of the unpacked data. Equal data give an equal lake, wherever the file comes from and
however it is compressed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError

_MOST_BYTES = 120  # of a name, of which file systems take 255 with all that is added


@dataclass(frozen=True)
class RawFile:
    """A source's bytes on this machine.

    Attributes:
        path: Local file.
        sha256: Hash of the content (unpacked, for gzip), in hex.
        name: Its path below the folder that the source names.
        is_listed: Whether it was found in a folder or by a pattern.
        state: Size and time of modification (ns) before it was hashed; None if it is not known.
    """

    path: Path
    sha256: str
    name: str = ""
    is_listed: bool = False
    state: tuple[int, int] | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the file is another one than was hashed."""
        return self.state is not None and self.state != _read_state(self.path)

    def has_hash(self, expected: str) -> bool:
        """Whether the content or the file itself has a hash: publishers of a `.gz` give the hash of the file."""
        return expected.lower() == self.sha256 or expected.lower() == storage.sha256_file(self.path)


@dataclass(frozen=True)
class RawFiles:
    """The files of a source on this machine, in the order of its rows.

    Attributes:
        files: The files.
        sha256: Hash of the content of all files: of a single file that file's, otherwise of names and hashes.
    """

    files: tuple[RawFile, ...]
    sha256: str

    @property
    def where(self) -> str:
        """The files, for errors."""
        first = str(self.files[0].path)
        return first if len(self.files) == 1 else f"{first} and {len(self.files) - 1} more"


def name_download(key: str, name: str) -> str:
    """The name of a downloaded file, short enough for any file system, also with a suffix.

    Args:
        key: What identifies the content.
        name: Name of the file where it comes from; its end, which tells the format, stays.
    """
    return f"{key}-{name.encode()[-_MOST_BYTES:].decode(errors='ignore')}"


def combine_hashes(files: Sequence[RawFile]) -> str:
    """Hash of files of a folder, which depends on their names below the folder and their content."""
    return storage.sha256_json([[file.name, file.sha256] for file in files])


def hash_raw_file(path: Path) -> RawFile:
    """A local file with the hash of its content."""
    state = _read_state(path)
    return RawFile(path, storage.sha256_content(path), state=state)


@contextmanager
def refuse_changes(raw: RawFiles, where: str) -> Iterator[None]:
    """Refuse files that are written during the block: their rows are not those of their hash.

    Args:
        raw: The files.
        where: The source, for errors.

    Raises:
        FirelibError: A file is another one than was hashed, whatever else the block raises.
    """
    try:
        yield
    except Exception as error:
        _check_unchanged(raw, where, error)
        raise
    _check_unchanged(raw, where)


def _check_unchanged(raw: RawFiles, where: str, cause: Exception | None = None) -> None:
    changed = [str(file.path) for file in raw.files if file.is_changed]
    if changed:
        raise FirelibError(
            f"{len(changed)} of {len(raw.files)} files changed while they were read: {changed[0]}",
            where=where,
            remedy="run the command again when nothing writes the files",
        ) from cause


def _read_state(path: Path) -> tuple[int, int] | None:
    """Size and time of modification of a file; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
