"""Make files and names durable: after a power failure, they are there."""

import errno
import os
from pathlib import Path

# File systems that cannot synchronise a folder (some network and user-space ones) report one of these.
_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename or a new file survives a power failure only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder durable with all its files and folders.

    Files that have another name are durable: firelib gives files a second name after it has published the first.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                sync_tree(Path(entry.path))
            elif entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_nlink == 1:
                with Path(entry.path).open("rb") as file:
                    os.fsync(file.fileno())
    sync_folder(folder)


def make_durable_folder(folder: Path) -> None:
    """Create a local folder and its parents, and make the new names durable; an existing folder stays."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in new:
        sync_folder(path.parent)


def rename_folder(folder: Path, final: Path) -> None:
    """Rename a folder after its files are durable, and make the new name durable.

    Args:
        folder: The folder.
        final: Its new path, on the same file system; at most an empty folder exists there.
    """
    sync_tree(folder)
    folder.replace(final)
    sync_folder(final.parent)
