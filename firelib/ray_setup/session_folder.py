"""The folder of Ray's sessions: it must be writable, and its path short enough for Unix sockets."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError
from firelib.user_folders import is_writable

_SOCKET_PATH_BYTES = 107  # Linux: `sun_path` has 108 bytes, the last one is zero (man 7 unix)


def ray_temp_dir() -> str:
    """The folder in which Ray creates its sessions by default (`ray._common.utils.get_default_ray_temp_dir`)."""
    return f"{os.environ.get('RAY_TMPDIR') or os.environ.get('TMPDIR') or '/tmp'}/ray"  # noqa: S108  # Ray's default


def fits_sockets(temp_dir: str) -> bool:
    """Whether the paths of the sockets of a session in this folder are short enough for the system."""
    socket = f"{temp_dir}/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    return len(os.fsencode(socket)) <= _SOCKET_PATH_BYTES


@contextmanager
def choose_session_folder() -> Iterator[str | None]:
    """Create a private, short folder for Ray's session if the default is too long or not writable.

    Yields:
        The folder, which is removed at the end of the block; None if the default is usable.

    Raises:
        FirelibError: No folder is usable.
    """
    default = ray_temp_dir()
    fits = fits_sockets(default)
    if fits and is_writable(default):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="firelib-", dir=_find_short_folder(default)))
    note(f"{default} is {'not writable' if fits else 'too long for sockets'}: Ray's session is in {folder}")
    try:
        yield str(folder / "ray")  # a subfolder, since Ray opens its temporary folder to all users
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_short_folder(default: str) -> str:
    # XDG_RUNTIME_DIR comes last: it is small, and Ray may spill objects into its session folder.
    for folder in ("/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108  mkdtemp makes it private
        if folder and is_writable(folder) and fits_sockets(f"{folder}/firelib-12345678/ray"):
            return folder
    raise FirelibError(
        f"no writable folder is short enough for Ray's sockets; tried {default}, /tmp, /var/tmp and XDG_RUNTIME_DIR",
        where="RAY_TMPDIR, TMPDIR",
        remedy="set RAY_TMPDIR to a writable folder with a path of at most 40 bytes",
    )
