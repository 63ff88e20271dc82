"""Let a process open as many files as a split has shards."""

import resource

_OTHER_FILES = 1024  # libraries, sockets, and the shards of a second split


def raise_file_limit(shards: int) -> None:
    """Raise the soft limit of open files, as far as the hard limit allows; shells usually set it to 1024.

    Args:
        shards: Number of shards, each of which stays open once it has been read.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * shards + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
