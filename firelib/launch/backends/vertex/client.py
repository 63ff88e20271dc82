"""Client of Vertex AI's job service: Google's SDK, with errors that name a remedy."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import stamina
from google.api_core import exceptions as api_errors
from google.auth import exceptions as auth_errors
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from requests import exceptions as http_errors

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.vertex.custom_job_status import CustomJobStatus, find_obstacle
from firelib.launch.backends.vertex.request import JOB_LABEL, PLACEMENT_LABEL

LOG_IN = "gcloud auth application-default login (submitted jobs keep running meanwhile)"
_MORE_CAPACITY = "request more quota, or name more placements: --set region=A,B --set machines=M1,M2+t4:1"
_INSPECT = "inspect the request: firelib submit --dry-run"
# Google's services do not see a service account at once after its creation.
_NEW_ACCOUNT = re.compile(r"service account\b.*\b(does not exist|not found)", re.IGNORECASE | re.DOTALL)
_ATTEMPTS, _MAX_WAIT_SECONDS = 6, 30.0
#: Without it, the SDK waits for an answer without end.
TIMEOUT_SECONDS = 60.0
_CREATE_SECONDS = 120.0


class TransientError(LostConnectionError):
    """Too many requests, or the service is down: the same call may succeed in a moment."""


class UnansweredError(TransientError):
    """There was no usable answer: the request may have been executed, or not."""


class CapacityError(FirelibError):
    """The placement lacks quota or machines; another one may have them."""


class CustomJobClient:
    """CustomJobs of one Google Cloud project.

    Args:
        project: Id or number of the project.
        endpoint: Address of the service; None for the one of each region. Plain HTTP is accepted on loopback only,
            and without credentials.
    """

    def __init__(self, project: str, endpoint: str | None = None) -> None:
        self._project = project
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def create(self, request: Mapping[str, Any]) -> CustomJobStatus:
        """Create a CustomJob from a request of `build_custom_job`; transient errors are retried.

        Raises:
            CapacityError: No quota or no machines in this region.
            TransientError: The service still fails after the last retry.
            FirelibError: The service refuses.
        """
        region = str(request["parent"]).rpartition("/")[2]
        job = aiplatform_v1.CustomJob.from_json(json.dumps(request["customJob"]))
        is_unanswered = False
        for attempt in stamina.retry_context(
            on=TransientError, attempts=_ATTEMPTS, timeout=300.0, wait_initial=1.0, wait_max=_MAX_WAIT_SECONDS
        ):
            with attempt:
                if is_unanswered and (found := self._find_created(region, request["customJob"]["labels"])):
                    return found
                try:
                    with translate_errors(str(request["parent"])):
                        created = self._client(region).create_custom_job(
                            parent=request["parent"], custom_job=job, retry=None, timeout=_CREATE_SECONDS
                        )
                        return _to_status(created)
                except UnansweredError:
                    is_unanswered = True
                    raise
        raise AssertionError("stamina raises the last error")

    def _find_created(self, region: str, labels: Mapping[str, str]) -> CustomJobStatus | None:
        """Return the CustomJob that an unanswered request has created: a second one would cost as much again."""
        found = self.list_labelled(region, JOB_LABEL, labels[JOB_LABEL])
        alive = [job for job in found if str(job.placement) == labels[PLACEMENT_LABEL] and not job.status().is_over]
        return max(alive, key=lambda job: job.created, default=None)

    def list_labelled(self, region: str, label: str, value: str) -> list[CustomJobStatus]:
        """Return all CustomJobs of a region that carry a label.

        Args:
            region: Region of Google Cloud.
            label: Key of the label.
            value: Value of the label.
        """
        parent = f"projects/{self._project}/locations/{region}"
        request = {"parent": parent, "filter": f'labels.{label}="{value}"'}
        with translate_errors(parent):
            return [_to_status(job) for job in _list(self._client(region), request)]

    def get(self, name: str) -> CustomJobStatus:
        """Return the CustomJob with this full resource name."""
        with translate_errors(name):
            return _to_status(self._client(_region(name)).get_custom_job(name=name, timeout=TIMEOUT_SECONDS))

    def cancel(self, name: str) -> None:
        """Cancel a CustomJob; no error if it is over."""
        with translate_errors(name):
            try:
                self._client(_region(name)).cancel_custom_job(name=name, timeout=TIMEOUT_SECONDS)
            except api_errors.FailedPrecondition:
                return
            except api_errors.BadRequest as error:  # the same condition over REST
                if "state" not in str(error).lower():
                    raise

    def _client(self, region: str) -> Any:
        if region not in self._clients:
            with translate_errors(region):
                address = self._endpoint or f"{region}-aiplatform.googleapis.com"
                self._clients[region] = aiplatform_v1.JobServiceClient(
                    transport="rest",
                    client_options={"api_endpoint": address},
                    credentials=credentials_for(address),
                )
        return self._clients[region]


def credentials_for(endpoint: str) -> AnonymousCredentials | None:
    """Return anonymous credentials for plain HTTP, or None for this machine's own credentials.

    Raises:
        FirelibError: The endpoint is plain HTTP on another machine.
    """
    if not endpoint.startswith("http://"):
        return None
    if not endpoint.startswith(("http://127.0.0.1:", "http://localhost:")):
        raise FirelibError(f"{endpoint} is not encrypted", where="target.endpoint", remedy="use https://…")
    return AnonymousCredentials()


def open_session(address: str, scope: str) -> Any:
    """Return a `requests` session with this machine's credentials, for services that firelib asks without an SDK.

    Args:
        address: The service, `https://…`; plain HTTP is for loopback, and without credentials.
        scope: What the session may do.

    Raises:
        FirelibError: This machine has no credentials, or the address is not encrypted.
    """
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials: Any = credentials_for(address)
    if credentials is None:
        try:
            credentials, _ = google.auth.default(scopes=[scope])
        except auth_errors.DefaultCredentialsError as error:
            raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN) from error
    return AuthorizedSession(credentials)


def _list(client: Any, request: Mapping[str, str]) -> Any:
    return client.list_custom_jobs(request=request, timeout=TIMEOUT_SECONDS)


def _region(name: str) -> str:
    return name.split("/")[3]


def _to_status(job: Any) -> CustomJobStatus:
    text = type(job).to_json(job, use_integers_for_enums=False, including_default_value_fields=False)
    return CustomJobStatus(json.loads(text))


@contextmanager
def translate_errors(where: str) -> Iterator[None]:
    """Translate the errors of Google's SDK into errors with a remedy.

    Args:
        where: What the block asks about, for the errors.

    Raises:
        CapacityError: No quota, or no machines.
        TransientError: The same call may succeed in a moment.
        FirelibError: Any other refusal.
    """
    try:
        yield
    except (api_errors.BadRequest, api_errors.Forbidden, api_errors.NotFound) as error:
        raise _translate_refusal(error, where) from None
    except api_errors.TooManyRequests as error:
        if find_obstacle(error.message):
            raise CapacityError(error.message, where=where, remedy=_MORE_CAPACITY) from None
        raise TransientError(error.message, where=where, remedy="try again in a minute") from None
    except (auth_errors.RefreshError, auth_errors.DefaultCredentialsError, api_errors.Unauthorized) as error:
        message = f"not logged in to Google Cloud: {_first_line(error)}"
        raise FirelibError(message, where=where, remedy=LOG_IN) from None
    except (
        api_errors.ServerError,
        auth_errors.TransportError,
        http_errors.ConnectionError,
        http_errors.Timeout,
    ) as error:
        message = f"the service does not answer: {_first_line(error)}"
        raise UnansweredError(message, where=where, remedy="try again in a minute") from None
    except api_errors.ClientError as error:
        raise FirelibError(f"refused: {error.message}", where=where, remedy=_INSPECT) from None


def _translate_refusal(error: api_errors.ClientError, where: str) -> FirelibError:
    """Return the error for a missing permission or resource, or for a wrong request."""
    if _NEW_ACCOUNT.search(error.message):
        remedy = "check target.service_account; Google may take a minute until it sees a new one: submit again"
        return TransientError(error.message, where=where, remedy=remedy)
    if isinstance(error, api_errors.Forbidden):
        remedy = (
            "ask for roles/aiplatform.user (and roles/iam.serviceAccountUser on the job's account); "
            "a new role takes effect after up to two minutes"
        )
        return FirelibError(error.message, where=where, remedy=remedy)
    if isinstance(error, api_errors.NotFound):
        remedy = "check project and region, and enable the API: gcloud services enable aiplatform.googleapis.com"
        return FirelibError(error.message, where=where, remedy=remedy)
    return FirelibError(f"refused: {error.message}", where=where, remedy=_INSPECT)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
