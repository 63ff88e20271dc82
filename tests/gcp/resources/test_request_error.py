"""What the responses of different services say about repeating a request."""

import pickle

import pytest

from firelib.gcp.resources.request_error import RequestError, no_response, parse_error

URL = "POST https://compute.googleapis.com/compute/v1/projects/demo/zones/a/instances"


@pytest.mark.parametrize(
    ("status", "reason", "message", "transient", "stock_out"),
    [
        (429, "rateLimitExceeded", "Too many requests", True, False),
        (403, "rateLimitExceeded", "Rate Limit Exceeded", True, False),
        (400, "resourceNotReady", "The resource 'x' is not ready", True, False),
        (503, "backendError", "Internal error", True, False),
        (503, "backendError", "The zone 'a' does not have enough resources available", False, True),
        (503, "ZONE_RESOURCE_POOL_EXHAUSTED", "try a different zone", False, True),
        (503, "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "(resource type:compute)", False, True),
        (403, "quotaExceeded", "Quota 'CPUS' exceeded. Limit: 24.0", False, False),
        (400, "invalid", "Invalid value for field", False, False),
        (409, "alreadyExists", "The resource already exists", False, False),
    ],
)
def test_classification(status: int, reason: str, message: str, transient: bool, stock_out: bool) -> None:
    error = RequestError(URL, status, reason, message)
    assert (error.is_transient, error.is_stock_out) == (transient, stock_out)


def test_reason_of_both_forms() -> None:
    compute = {"error": {"message": "no", "errors": [{"reason": "conditionNotMet"}], "code": 412}}
    others = {"error": {"message": "no", "status": "ABORTED", "code": 409}}
    assert [parse_error(URL, 400, body).reason for body in (compute, others)] == ["conditionNotMet", "ABORTED"]
    assert parse_error(URL, 502, {}).is_transient  # a proxy answers without a body
    assert parse_error(URL, 502, {"error": "unavailable"}).status == 502


def test_an_expired_token_has_a_remedy_of_its_own() -> None:
    body = {"error": {"status": "UNAUTHENTICATED", "message": "invalid authentication credentials"}}
    assert "gcloud auth login" in str(parse_error(URL, 401, body).remedy)
    assert "gcloud auth login" not in str(parse_error(URL, 403, body).remedy)


def test_no_response_may_be_repeated() -> None:
    error = no_response(URL, ConnectionResetError("reset by peer"))
    assert (error.is_transient, error.has_response) == (True, False)


def test_it_can_be_pickled() -> None:
    error = RequestError(URL, 429, "rateLimitExceeded", "later", retry_after=3.0)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.retry_after, copy.is_transient) == (str(error), 3.0, True)


def test_a_missing_quota_project_is_named() -> None:
    body = {"error": {"message": "The iam.googleapis.com API requires a quota project, which is not set by default."}}
    assert "set-quota-project" in str(parse_error("GET url", 403, body).remedy)
