"""Locks of files, which the kernel releases when a process ends; some file systems have none."""

import errno
import fcntl
from typing import Protocol

# NFS without a lock service, Lustre without the mount option `flock`, some file systems in user space.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class _HasDescriptor(Protocol):
    def fileno(self) -> int: ...


def lock_file(file: int | _HasDescriptor, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file until it is closed.

    Args:
        file: The file or its descriptor.
        shared: Whether other processes may hold a shared lock at the same time.
        wait: Whether to wait for processes that hold the lock.

    Returns:
        False if the file system has no locks; the caller then decides what to do without.

    Raises:
        BlockingIOError: Another process holds the lock, and `wait` is not set.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, operation if wait else operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True
