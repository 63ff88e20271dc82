"""Classify the errors of object stores, whichever library reports them.

fsspec's packages raise Python's errors, those of botocore, aiohttp or google-auth, or their own; Delta's library, which
is written in Rust, reports everything as text. What they agree on are the codes of the stores and of HTTP.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any


class ErrorKind(Enum):
    """What is wrong with a request to an object store."""

    CREDENTIALS = "no valid credentials"
    DENIED = "access denied"
    MISSING_BUCKET = "the bucket does not exist"
    REGION = "the bucket is in another region"
    CLOCK = "this machine's clock is wrong"
    PLAIN_HTTP = "the endpoint has no TLS"
    THROTTLED = "too many requests"
    UNREACHABLE = "no answer"


_CODES: Mapping[str, ErrorKind] = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "401"),
        ErrorKind.CREDENTIALS,
    ),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"), ErrorKind.DENIED),
    "NoSuchBucket": ErrorKind.MISSING_BUCKET,
    **dict.fromkeys(("AuthorizationHeaderMalformed", "PermanentRedirect", "301"), ErrorKind.REGION),
    "RequestTimeTooSkewed": ErrorKind.CLOCK,
    **dict.fromkeys(("SlowDown", "Throttling", "RequestLimitExceeded", "429", "503"), ErrorKind.THROTTLED),
    **dict.fromkeys(
        ("InternalError", "ServiceUnavailable", "RequestTimeout", "408", "500", "502", "504"), ErrorKind.UNREACHABLE
    ),
}
_CLASSES: Mapping[str, ErrorKind] = {
    **dict.fromkeys(
        (
            "NoCredentialsError",
            "PartialCredentialsError",
            "CredentialRetrievalError",
            "TokenRetrievalError",
            "SSOTokenLoadError",
            "UnauthorizedSSOTokenError",
            "ProfileNotFound",
            "DefaultCredentialsError",
            "RefreshError",
        ),
        ErrorKind.CREDENTIALS,
    ),
    "PermissionError": ErrorKind.DENIED,
    **dict.fromkeys(
        (
            "ClientConnectionError",  # of aiohttp, and those below it
            "ConnectionError",  # of Python, of requests and of botocore
            "HTTPClientError",  # of botocore
            "TimeoutError",
        ),
        ErrorKind.UNREACHABLE,
    ),
}
# Phrases of Delta's library and of gcsfs, in the order in which they decide.
_PHRASES = (
    (re.compile(r"short-lived token|iat and exp"), ErrorKind.CLOCK),
    (re.compile(r"URL scheme is not allowed"), ErrorKind.PLAIN_HTTP),
    (re.compile(r"token request|169\.254\.169\.254|metadata\.google\.internal|credential"), ErrorKind.CREDENTIALS),
    (re.compile(r"^Forbidden: |lacked the necessary privileges"), ErrorKind.DENIED),
    (
        re.compile(r"Error performing list request[\s\S]*\b404 Not Found"),
        ErrorKind.MISSING_BUCKET,
    ),  # never of an object
    (re.compile(r"error sending request|operation timed out|\(Connect\)"), ErrorKind.UNREACHABLE),
)
# What gcsfs says of a listing and of an upload: both work without an object, so that the bucket is what is missing.
_BUCKET_OF_GCS = re.compile(r"(?:https?://\S+/)?b/[^/]+/o")
_PATH_OF_URL = re.compile(r"(?<=\w)/\S*")  # names that users chose say nothing
_XML_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"\b([345]\d\d) [A-Z][a-z]+")


def classify(error: BaseException) -> ErrorKind | None:
    """The kind of an error of an object store, or of the error that caused it; None for other errors."""
    for each in _chain(error):
        kind = _classify_one(each)
        if kind is not None:
            return kind
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The causes of an error, innermost first: the outer ones may say less."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__
    yield from reversed(found)


def _classify_one(error: BaseException) -> ErrorKind | None:
    text = str(error)
    for code in _store_codes(error, text):
        if code in _CODES:
            return _CODES[code]
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return None  # an error of this machine's file system
    if isinstance(error, FileNotFoundError):  # its text is a path
        return ErrorKind.MISSING_BUCKET if _BUCKET_OF_GCS.fullmatch(text) else None
    said = _PATH_OF_URL.sub("", text)
    for pattern, kind in _PHRASES:
        if pattern.search(said):
            return kind
    for status in _http_statuses(error, text):
        if status in _CODES:
            return _CODES[status]
    names = [each.__name__ for each in type(error).__mro__]
    return next((_CLASSES[name] for name in names if name in _CLASSES), None)


def _store_codes(error: BaseException, text: str) -> Iterator[str]:
    """Codes of S3 in an error of botocore, or in an answer that Delta's library quotes."""
    response: Any = getattr(error, "response", None)  # botocore's
    if isinstance(response, Mapping):
        yield str(response.get("Error", {}).get("Code"))
    yield from _XML_CODE.findall(text)


def _http_statuses(error: BaseException, text: str) -> Iterator[str]:
    """Statuses of HTTP, which say less: that of a request for credentials is not the bucket's."""
    yield str(getattr(error, "code", None) or getattr(error, "status", None))  # gcsfs, aiohttp
    if "Kernel error" in text or "Generic" in text:  # Delta's
        yield from _STATUS.findall(text)
