"""Recognise and explain a full disk."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from firelib.errors import FirelibError


@contextmanager
def explain_full_disk(where: str) -> Iterator[None]:
    """Turn "no space left on device" into an error that says where and what to do; other errors pass unchanged.

    Args:
        where: The file or folder that is written.

    Raises:
        FirelibError: The disk is full.
    """
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise FirelibError(
            "the disk is full", where=where, remedy="free space, then run the same command again"
        ) from error


def is_full_disk(error: Exception) -> bool:
    """Whether no space is left. Libraries in Rust (Delta) report the system's error as text only."""
    numbers = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in numbers
    return any(f"(os error {number})" in str(error) for number in numbers)
