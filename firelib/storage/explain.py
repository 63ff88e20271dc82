"""Explain the errors of object stores and web servers: what is wrong, with which one, and what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from firelib.errors import FirelibError, UnreachableError
from firelib.storage.error_kinds import ErrorKind, classify
from firelib.storage.full_disk import explain_full_disk


class BucketError(FirelibError):
    """A bucket that cannot be used until somebody changes something: a setting, a right, or the bucket itself.

    Attributes:
        kind: What is wrong.
    """

    def __init__(
        self, what: str, *, where: str | None = None, remedy: str | None = None, kind: ErrorKind | None = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.kind = kind


_AGAIN = "run the same command again"
# What to do, by the beginning of URIs; a kind that is missing there has the remedy of all others.
_REMEDIES = {
    "s3": {
        ErrorKind.CREDENTIALS: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine "
        "a role",
        ErrorKind.DENIED: "allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on "
        "its objects",
        ErrorKind.MISSING_BUCKET: "create it (aws s3 mb s3://{host}), or correct storage.root or the source",
        ErrorKind.UNREACHABLE: f"check the network and AWS_ENDPOINT_URL, then {_AGAIN}",
    },
    "gs": {
        ErrorKind.CREDENTIALS: "set GOOGLE_APPLICATION_CREDENTIALS to the file of a key, or run: gcloud auth "
        "application-default login",
        ErrorKind.DENIED: "grant the role roles/storage.objectUser on the bucket",
        ErrorKind.MISSING_BUCKET: "create it (gcloud storage buckets create gs://{host}), or correct storage.root or "
        "the source",
        ErrorKind.UNREACHABLE: f"check the network and STORAGE_EMULATOR_HOST, then {_AGAIN}",
    },
    "": {
        ErrorKind.CREDENTIALS: "give this process credentials for {scheme}://{host}",
        ErrorKind.DENIED: "allow reading and writing at {scheme}://{host}",
        ErrorKind.MISSING_BUCKET: "create it, or correct storage.root or the source",
        ErrorKind.REGION: "set AWS_DEFAULT_REGION to the region of the bucket",
        ErrorKind.CLOCK: f"set this machine's clock (timedatectl set-ntp true), then {_AGAIN}",
        ErrorKind.PLAIN_HTTP: "set AWS_ALLOW_HTTP=true if the endpoint is yours, or give it a certificate",
        ErrorKind.THROTTLED: f"wait, then {_AGAIN}; fewer workers (FIRELIB_NUM_CPUS) send fewer requests",
        ErrorKind.UNREACHABLE: f"check the network and the address, then {_AGAIN}",
    },
}
_TRANSIENT = (ErrorKind.THROTTLED, ErrorKind.UNREACHABLE)
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_MOST_LETTERS = 200


def explain_error(error: BaseException, uri: str) -> FirelibError | None:
    """What an error of an object store means; None if it is none, or explained already.

    Args:
        error: The error.
        uri: What was read or written.
    """
    if isinstance(error, FirelibError):
        return None
    kind = classify(error)
    return None if kind is None else build_error(kind, _shorten(error), uri)


def build_error(kind: ErrorKind, detail: str, uri: str) -> FirelibError:
    """The error for what is wrong with a bucket, or with a web server.

    Args:
        kind: What is wrong.
        detail: What the store or its library says.
        uri: What was read or written.
    """
    scheme, _, rest = uri.partition("://")
    host = rest.partition("/")[0]
    remedies = {**_REMEDIES[""], **_REMEDIES.get({"gcs": "gs"}.get(scheme, scheme), {})}
    store = "web server" if scheme in ("http", "https") else "bucket"
    what, remedy = f"{store} {host!r}: {kind.value} ({detail})", remedies[kind].format(scheme=scheme, host=host)
    if kind in _TRANSIENT:
        return UnreachableError(what, where=uri, remedy=remedy)
    return BucketError(what, where=uri, remedy=remedy, kind=kind)


def _shorten(error: BaseException) -> str:
    """The text of an error on one line, without the colours and boxes of Delta's library."""
    text = " ".join(_COLORS.sub("", str(error) or type(error).__name__).replace("↳", ":").split())
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


@contextmanager
def explain_storage(uri: str) -> Iterator[None]:
    """Turn errors of an object store, and a full disk, into errors that say what to do; others pass unchanged.

    Args:
        uri: What the block reads or writes.

    Raises:
        BucketError: The bucket is missing, or cannot be used with these credentials, rights, region or clock.
        UnreachableError: The store does not answer, or asks for fewer requests.
        FirelibError: The disk is full.
    """
    with explain_full_disk(uri):
        try:
            yield
        except Exception as error:
            explained = None if _is_on_this_machine(uri) else explain_error(error, uri)
            if explained is None:
                raise
            raise explained from error


def _is_on_this_machine(uri: str) -> bool:
    return "://" not in uri or uri.startswith(("file://", "local://", "memory://"))
