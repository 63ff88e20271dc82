"""The folder of Ray's sessions: private, writable, and its path short enough for Unix sockets."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError
from firelib.user_folders import is_writable

_SOCKET_PATH_BYTES = 107  # Linux: `sun_path` has 108 bytes, the last one is zero (man 7 unix)
_PREFIX, _OWNER = "firelib-ray-", "owner"


def ray_temp_dir() -> str:
    """The folder in which Ray creates its sessions by default (`ray._common.utils.get_default_ray_temp_dir`)."""
    return f"{os.environ.get('RAY_TMPDIR') or os.environ.get('TMPDIR') or '/tmp'}/ray"  # noqa: S108  # Ray's default


def fits_sockets(temp_dir: str) -> bool:
    """Whether the paths of the sockets of a session in this folder are short enough for the system."""
    socket = f"{temp_dir}/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    return len(os.fsencode(socket)) <= _SOCKET_PATH_BYTES


def session_path(parent: str) -> str:
    """A path as long as that of a private session folder in `parent`."""
    return f"{parent}/{_PREFIX}12345678/ray"


@contextmanager
def choose_session_folder() -> Iterator[str]:
    """Create a private folder for Ray's session, in Ray's default folder or in a shorter one.

    Yields:
        The folder, which is removed at the end of the block.

    Raises:
        FirelibError: No folder is usable.
    """
    default = str(Path(ray_temp_dir()).parent)
    fits = fits_sockets(session_path(default))
    usable = fits and is_writable(default)
    with temporary_folder(default if usable else _find_short_folder(default)) as folder:
        if not usable:
            problem = "not writable" if fits else "too long for sockets"
            note(f"{default} is {problem}: Ray's session is in {folder}")
        yield f"{folder}/ray"  # a subfolder, since Ray opens its temporary folder to all users


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
        fcntl.flock(owner, fcntl.LOCK_EX)  # the kernel releases it when this process ends
        (folder / f".{_OWNER}").rename(folder / _OWNER)
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of processes that were killed: their locks are free."""
    for file in parent.glob(f"{_PREFIX}*/{_OWNER}"):
        with suppress(OSError), file.open() as owner:
            if os.fstat(owner.fileno()).st_uid == os.getuid():
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(file.parent, ignore_errors=True)


def _find_short_folder(default: str) -> str:
    # XDG_RUNTIME_DIR comes last: it is small, and Ray may spill objects into its session folder.
    for folder in ("/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108  mkdtemp makes it private
        if folder and is_writable(folder) and fits_sockets(session_path(folder)):
            return folder
    raise FirelibError(
        f"no writable folder is short enough for Ray's sockets; tried {default}, /tmp, /var/tmp and XDG_RUNTIME_DIR",
        where="RAY_TMPDIR, TMPDIR",
        remedy="set RAY_TMPDIR to a writable folder with a path of at most 20 bytes",
    )
