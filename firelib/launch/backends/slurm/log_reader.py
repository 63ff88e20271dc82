"""Read the growing log of a job in a folder that other machines write to."""

import codecs
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_SECONDS = 1.0
_CHUNK_BYTES = 1 << 16


def read_log(path: Path, is_over: Callable[[], bool], follow: bool) -> Iterator[str]:
    """Yield a log from its beginning.

    Args:
        path: The file; nothing is yielded before it exists.
        is_over: Whether the job is over; it is asked before each look into the file, which then is the last one.
        follow: Whether to wait for more until the job is over.
    """
    decoder, offset = codecs.getincrementaldecoder("utf-8")(errors="replace"), 0
    while True:
        is_last = not follow or is_over()
        for chunk in _read_from(path, offset):
            offset += len(chunk)
            yield decoder.decode(chunk)
        if is_last:
            return
        time.sleep(_POLL_SECONDS)


def _read_from(path: Path, offset: int) -> Iterator[bytes]:
    """Open the file anew each time: an open file of NFS may not show what another machine has appended."""
    if not path.is_file():
        return
    with path.open("rb") as log:
        log.seek(offset)
        while chunk := log.read(_CHUNK_BYTES):
            yield chunk
