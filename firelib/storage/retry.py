"""Retries of transient storage errors."""

import stamina

from firelib.errors import FirelibError
from firelib.storage.error_kinds import ErrorKind, classify
from firelib.storage.full_disk import is_full_disk

_TRANSIENT = (ErrorKind.THROTTLED, ErrorKind.UNREACHABLE)


def is_transient(error: Exception) -> bool:
    """Whether a storage error is worth a retry: every error that is not known to be permanent."""
    permanent = (
        FileNotFoundError,
        FileExistsError,
        PermissionError,
        IsADirectoryError,
        NotADirectoryError,
        NotImplementedError,
    )
    if isinstance(error, (*permanent, FirelibError, TypeError, ValueError)) or is_full_disk(error):
        return False
    kind = classify(error)
    if kind is not None:
        return kind in _TRANSIENT
    code = getattr(error, "code", None) or getattr(error, "status", None)  # gcsfs, aiohttp
    return not (isinstance(code, int) and 400 <= code < 500 and code not in (408, 429))


def is_unanswered(error: Exception) -> bool:
    """Whether a store did not answer, or asked for fewer requests; not true of errors of unknown kinds.

    An error that is explained was retried before.
    """
    return not isinstance(error, FirelibError) and classify(error) in _TRANSIENT


#: Decorator for requests to a storage: 5 attempts within a minute.
retry_transient = stamina.retry(on=is_transient, attempts=5, timeout=60.0, wait_initial=0.2, wait_max=5.0)
#: Decorator for work with Delta's library, many of whose errors concern the table; its own retries take two seconds.
retry_unanswered = stamina.retry(on=is_unanswered, attempts=8, timeout=60.0, wait_initial=0.5, wait_max=10.0)
