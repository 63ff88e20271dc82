"""Writable home and cache folders, also if HOME is unset or read-only, or the uid has no passwd entry."""

import os
import stat
from contextlib import suppress

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # what `getpass.getuser()` reads before the passwd database
_CACHED_MODULES = os.path.join(os.path.dirname(__file__), "tfrecord", "kernels", "__pycache__")  # noqa: PTH118, PTH120  # quick


def prepare_environment() -> None:
    """Set HOME, LOGNAME and the cache folders of this process and its children if they are unusable.

    `Path.home()`, `getpass.getuser()`, Numba's cache and Ray's token then work everywhere. On an ordinary machine
    nothing changes.
    """
    with suppress(OSError):  # there is no temporary folder: the code that needs one reports it
        _set_user()
        _set_caches()


def is_writable(path: str) -> bool:
    """Whether a file can be created at a path: the nearest existing folder is writable."""
    path = os.path.abspath(path)  # noqa: PTH100
    while not os.path.exists(path) and path != os.path.dirname(path):  # noqa: PTH110, PTH120
        path = os.path.dirname(path)  # noqa: PTH120
    return os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def private_folder() -> str:
    """Create a folder in the temporary folder that only this user can open.

    Returns:
        Its path: the same in every process, unless another user owns that name.
    """
    import tempfile

    folder = f"{tempfile.gettempdir()}/firelib-{os.getuid()}"
    try:
        os.mkdir(folder, 0o700)  # noqa: PTH102
    except FileExistsError:
        if not _is_private(folder):  # another user has created it
            return tempfile.mkdtemp(prefix="firelib-")
    return folder


def is_private_folder(path: str) -> bool:
    """Whether `private_folder` returns such a path."""
    import tempfile

    parent, name = os.path.split(path)
    return parent == tempfile.gettempdir() and name.startswith("firelib-")


def _is_private(folder: str) -> bool:
    status = os.lstat(folder)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _set_user() -> None:
    named = any(os.environ.get(name) for name in _NAMES)
    if named and os.environ.get("HOME"):
        return
    import pwd

    try:
        home, name = pwd.getpwuid(os.getuid()).pw_dir, None
    except KeyError:
        home, name = private_folder(), f"uid{os.getuid()}"
    if not os.environ.get("HOME"):
        os.environ["HOME"] = home
    if name and not named:
        os.environ["LOGNAME"] = os.environ["USER"] = name


def _set_caches() -> None:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ["HOME"], ".cache")  # noqa: PTH118
    if is_writable(cache):
        return
    os.environ["XDG_CACHE_HOME"] = f"{private_folder()}/cache"
    if not is_writable(_CACHED_MODULES):  # if it is writable, Numba keeps using its cache there
        os.environ.setdefault("NUMBA_CACHE_DIR", f"{private_folder()}/numba")
