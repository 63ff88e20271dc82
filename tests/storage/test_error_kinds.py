"""The kinds of errors, from the texts and classes of the libraries as they report them."""

import errno

import pytest
from aiohttp import ClientConnectionError, ServerDisconnectedError
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from gcsfs.retry import HttpError
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from firelib.storage.error_kinds import ErrorKind, classify
from firelib.storage.retry import is_transient


def s3(code: str) -> OSError:
    """What s3fs raises: Python's error, whose cause is that of botocore."""
    error = OSError(errno.EIO, f"the store said {code}")
    error.__cause__ = ClientError({"Error": {"Code": code}}, "PutObject")
    return error


def delta(text: str) -> OSError:
    return OSError(
        f"Kernel error -> Generic S3 error\n \x1b[31m↳\x1b[0m Error performing GET http://x/y in 1ms - {text}"
    )


KINDS = [
    (s3("NoSuchBucket"), ErrorKind.MISSING_BUCKET),
    (s3("AccessDenied"), ErrorKind.DENIED),
    (s3("403"), ErrorKind.DENIED),
    (s3("InvalidAccessKeyId"), ErrorKind.CREDENTIALS),
    (s3("ExpiredToken"), ErrorKind.CREDENTIALS),
    (s3("RequestTimeTooSkewed"), ErrorKind.CLOCK),
    (s3("SlowDown"), ErrorKind.THROTTLED),
    (s3("InternalError"), ErrorKind.UNREACHABLE),
    (s3("PermanentRedirect"), ErrorKind.REGION),
    (s3("NoSuchKey"), None),
    (NoCredentialsError(), ErrorKind.CREDENTIALS),
    (EndpointConnectionError(endpoint_url="http://x"), ErrorKind.UNREACHABLE),
    (ConnectionClosedError(endpoint_url="http://x"), ErrorKind.UNREACHABLE),
    (ReadTimeoutError(endpoint_url="http://x"), ErrorKind.UNREACHABLE),
    (ServerDisconnectedError(), ErrorKind.UNREACHABLE),
    (PermissionError("Forbidden"), ErrorKind.DENIED),
    (
        HttpError({"code": 401, "message": "Anonymous caller does not have storage.objects.list access"}),
        ErrorKind.CREDENTIALS,
    ),
    (HttpError({"code": 429, "message": "rateLimitExceeded"}), ErrorKind.THROTTLED),
    (OSError("Forbidden: https://storage/b/bucket/o\nno access"), ErrorKind.DENIED),
    (FileNotFoundError("b/no-such-bucket/o"), ErrorKind.MISSING_BUCKET),
    (FileNotFoundError("http://x/upload/storage/v1/b/no-such-bucket/o"), ErrorKind.MISSING_BUCKET),
    (FileNotFoundError("http://x/download/storage/v1/b/bucket/o/p%2Fa?alt=media"), None),
    (DefaultCredentialsError("Your default credentials were not found"), ErrorKind.CREDENTIALS),
    (RefreshError("invalid_grant: Token must be a short-lived token and in a reasonable timeframe"), ErrorKind.CLOCK),
    (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), ErrorKind.UNREACHABLE),
    (
        delta("Server returned non-2xx status code\n ↳ 404 Not Found\n ↳ <Error><Code>NoSuchBucket</Code>"),
        ErrorKind.MISSING_BUCKET,
    ),
    (
        OSError("Kernel error -> Generic GCS error\n ↳ Error performing list request\n ↳ GET x\n ↳ 404 Not Found"),
        ErrorKind.MISSING_BUCKET,
    ),
    (delta("Server returned non-2xx status code\n ↳ 404 Not Found"), None),  # of an object
    (delta("Server returned non-2xx status code\n ↳ 403 Forbidden\n ↳ denied"), ErrorKind.DENIED),
    (delta("HTTP error\n ↳ builder error\n ↳ URL scheme is not allowed"), ErrorKind.PLAIN_HTTP),
    (delta("HTTP error\n ↳ error sending request\n ↳ client error (Connect)"), ErrorKind.UNREACHABLE),
    (delta("PUT http://169.254.169.254/latest/api/token\n ↳ 403 Forbidden"), ErrorKind.CREDENTIALS),
    (OSError("Kernel error -> Generic GCS error\n ↳ Error performing token request\n ↳ 500"), ErrorKind.CREDENTIALS),
    (PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"), None),
    (ValueError("a value"), None),
    (FileNotFoundError("bucket/a"), None),
    (FileNotFoundError("bucket/credentials.csv"), None),
    (FileNotFoundError("bucket/b/group/o"), None),
    (FileNotFoundError("http://x/download/storage/v1/b/bucket/o/credential%2Fb%2Fx%2Fo?alt=media"), None),
    (
        OSError("Generic S3 error\n ↳ Error performing GET http://x/bucket/credentials/a.json in 1s - 503 Slow Down"),
        ErrorKind.THROTTLED,
    ),
    (OSError("Forbidden: https://storage/b/bucket/o/credentials.csv"), ErrorKind.DENIED),
]


@pytest.mark.parametrize(("error", "kind"), KINDS, ids=lambda value: None)
def test_kind(error: Exception, kind: ErrorKind | None) -> None:
    assert classify(error) is kind


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (s3("SlowDown"), True),
        (s3("AccessDenied"), False),
        (NoCredentialsError(), False),
        (OSError("Forbidden: b/bucket/o"), False),
        (ClientConnectionError("lost"), True),
        (OSError("anything else"), True),
        (FileExistsError("there"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
    ],
    ids=lambda value: None,
)
def test_only_errors_that_may_go_away_are_retried(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected


def test_kind_is_that_of_the_innermost_cause() -> None:
    outer = RuntimeError("the task failed")
    outer.__cause__ = s3("NoSuchBucket")
    assert classify(outer) is ErrorKind.MISSING_BUCKET
