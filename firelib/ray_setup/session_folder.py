"""The folder of Ray's sessions: private, writable, and its path short enough for Unix sockets."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from firelib.console import note
from firelib.errors import FirelibError
from firelib.process_identity import is_other_boot
from firelib.storage import Owner, lock_file
from firelib.user_folders import is_writable

_SOCKET_PATH_BYTES = 107  # Linux: `sun_path` has 108 bytes, the last one is zero (man 7 unix)
_PREFIX, _OWNER = "firelib-ray-", "owner"
_TOKEN_LENGTH = 200  # at most


def ray_temp_dir() -> str:
    """The folder in which Ray creates its sessions by default (`ray._common.utils.get_default_ray_temp_dir`)."""
    return f"{os.environ.get('RAY_TMPDIR') or os.environ.get('TMPDIR') or '/tmp'}/ray"  # noqa: S108  # Ray's default


def fits_sockets(temp_dir: str) -> bool:
    """Whether the paths of the sockets of a session in this folder are short enough for the system."""
    return len(os.fsencode(_socket_path(temp_dir))) <= _SOCKET_PATH_BYTES


def _socket_path(temp_dir: str) -> str:
    """A path as long as that of the socket with the longest name, for a session of this process."""
    return f"{temp_dir}/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"


def session_path(parent: str) -> str:
    """A path as long as that of a private session folder in `parent`."""
    return f"{parent}/{_PREFIX}12345678/ray"


def longest_folder() -> int:
    """The longest path of a folder, in bytes, in which Ray's sockets fit without a link."""
    return _SOCKET_PATH_BYTES - len(_socket_path(session_path("")))


@contextmanager
def choose_session_folder() -> Iterator[str]:
    """Create a private folder for Ray's session, in Ray's default folder or, if that is not usable, in another one.

    Yields:
        The folder, or a link to it whose path is short enough for sockets. Both are removed at the end of the block.

    Raises:
        FirelibError: No folder is usable.
    """
    default = str(Path(ray_temp_dir()).parent)
    usable = is_writable(default)
    with temporary_folder(default if usable else _find_short_folder()) as folder:
        if not usable:
            note(f"{default} is not writable: Ray's session is in {folder}")
        with _shorten(f"{folder}/ray") as sessions:  # a subfolder, since Ray opens its temporary folder to all users
            yield sessions


@contextmanager
def _shorten(sessions: str) -> Iterator[str]:
    """Yield a path of a folder that is short enough for sockets: its own, or that of a link."""
    if fits_sockets(sessions):
        yield sessions
        return
    with temporary_folder(_find_short_folder()) as folder:
        Path(sessions).mkdir()
        Path(folder, "ray").symlink_to(Path(sessions).absolute())
        yield f"{folder}/ray"


@contextmanager
def temporary_folder(parent: str) -> Iterator[str]:
    """Create a folder that only this user can open, and remove it after the block.

    If this process is killed, the next one that uses `parent` removes the folder.

    Args:
        parent: Where to create it; it is created as well if necessary.

    Yields:
        Its path.
    """
    Path(parent).mkdir(parents=True, exist_ok=True)
    _remove_leftovers(Path(parent))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    with (folder / f".{_OWNER}").open("w") as owner:
        owner.write(Owner.current().token)
        owner.flush()
        if lock_file(owner):  # otherwise the folder never counts as a leftover
            (folder / f".{_OWNER}").rename(folder / _OWNER)
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of processes that were killed: their locks are free.

    On some network file systems, the locks of other hosts are not seen.
    """
    for file in parent.glob(f"{_PREFIX}*/{_OWNER}"):
        with suppress(OSError), _open_own(file) as lock:
            owner = Owner.parse(lock.read(_TOKEN_LENGTH))  # None in folders of earlier versions
            is_ours = owner is None or not is_other_boot(owner.host) or owner.has_abandoned(file)
            if is_ours and lock_file(lock, wait=False):
                shutil.rmtree(file.parent, ignore_errors=True)


def _open_own(file: Path) -> TextIO:
    """Open a regular file of this user; others may have put a link, a FIFO or a device there.

    Raises:
        OSError: It is another file.
    """
    lock = os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="ascii", errors="replace")
    status = os.fstat(lock.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
        lock.close()
        raise PermissionError(errno.EPERM, "not a file of this user", str(file))
    return lock


def _find_short_folder() -> str:
    # XDG_RUNTIME_DIR comes last: it is small, and Ray may spill objects into its session folder.
    tried = [folder for folder in ("/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", "")) if folder]  # noqa: S108
    for folder in tried:
        if is_writable(folder) and fits_sockets(session_path(folder)):
            return folder
    raise FirelibError(
        f"Ray's sockets need a writable folder with a path of at most {longest_folder()} bytes; tried "
        f"{', '.join([str(Path(ray_temp_dir()).parent), *tried])}",
        where="RAY_TMPDIR, TMPDIR",
        remedy=f"set RAY_TMPDIR to a writable folder with a path of at most {longest_folder()} bytes",
    )
