"""Vertex AI's job service through Google's SDK, its errors in our words."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import stamina
from google.api_core import exceptions as answers
from google.auth import exceptions as identities
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from requests import exceptions as transports

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.vertex.job_states import Seen, obstacle_in

LOG_IN = "gcloud auth application-default login (a job that was sent goes on meanwhile)"
_ATTEMPTS, _LONGEST_WAIT = 6, 30.0


class CustomJobs:
    """Jobs of one project.

    Args:
        project: Id or number.
        endpoint: Another address of the service; None is that of each region. Plain HTTP is taken on loopback only,
            and nobody's identity is sent there.
    """

    def __init__(self, project: str, endpoint: str | None = None) -> None:
        self._project = project
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def create(self, request: Mapping[str, Any]) -> Seen:
        """Send a request as `custom_job` makes it; an answer that may pass (too many requests) is tried again."""
        region = str(request["parent"]).rpartition("/")[2]
        job = aiplatform_v1.CustomJob.from_json(json.dumps(request["customJob"]))
        for attempt in stamina.retry_context(
            on=_is_passing, attempts=_ATTEMPTS, timeout=300.0, wait_initial=1.0, wait_max=_LONGEST_WAIT
        ):
            with attempt, explained(str(request["parent"])):
                client = self._client(region)
                return _seen(client.create_custom_job(parent=request["parent"], custom_job=job, retry=None))
        raise AssertionError("stamina raises the last error")

    def labelled(self, region: str, label: str, value: str) -> list[Seen]:
        """All jobs of a region that carry a label."""
        parent = f"projects/{self._project}/locations/{region}"
        asked = {"parent": parent, "filter": f'labels.{label}="{value}"'}
        with explained(parent):
            return [_seen(job) for job in self._client(region).list_custom_jobs(request=asked)]

    def get(self, name: str) -> Seen:
        """A job by its full name."""
        with explained(name):
            return _seen(self._client(_region(name)).get_custom_job(name=name))

    def cancel(self, name: str) -> None:
        """Ask for a job's end; one that is over is no error."""
        with explained(name):
            try:
                self._client(_region(name)).cancel_custom_job(name=name)
            except answers.FailedPrecondition:
                return
            except answers.BadRequest as refused:  # what REST makes of the same
                if "state" not in str(refused).lower():
                    raise

    def _client(self, region: str) -> Any:
        if region not in self._clients:
            with explained(region):
                address = self._endpoint or f"{region}-aiplatform.googleapis.com"
                self._clients[region] = aiplatform_v1.JobServiceClient(
                    transport="rest",
                    client_options={"api_endpoint": address},
                    credentials=nobody(address),
                )
        return self._clients[region]


def nobody(endpoint: str) -> AnonymousCredentials | None:
    """No identity for plain HTTP; None is that of this machine.

    Raises:
        FirelibError: It is plain HTTP to another machine.
    """
    if not endpoint.startswith("http://"):
        return None
    if not endpoint.startswith(("http://127.0.0.1:", "http://localhost:")):
        raise FirelibError(f"{endpoint} is not encrypted", where="target.endpoint", remedy="https://…")
    return AnonymousCredentials()


def _region(name: str) -> str:
    return name.split("/")[3]


def _seen(job: Any) -> Seen:
    return Seen(json.loads(type(job).to_json(job, use_integers_for_enums=False, including_default_value_fields=False)))


class PassingError(LostConnectionError):
    """Too many requests, or the service is down: the same may work in a moment."""


class NoRoomError(FirelibError):
    """Quota or stock-out: another place may do."""


def _is_passing(error: Exception) -> bool:
    return isinstance(error, PassingError)


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Errors of the SDK in our words.

    Raises:
        NoRoomError: No quota, or no machines.
        PassingError: It may work in a moment.
        FirelibError: It will not.
    """
    try:
        yield
    except answers.TooManyRequests as error:
        if obstacle_in(error.message):
            raise NoRoomError(error.message, where=where, remedy=_MORE_ROOM) from None
        raise PassingError(error.message, where=where, remedy="it is tried again") from None
    except (identities.RefreshError, identities.DefaultCredentialsError, answers.Unauthorized) as error:
        raise FirelibError(f"not logged in to Google Cloud: {_first(error)}", where=where, remedy=LOG_IN) from None
    except answers.Forbidden as error:
        remedy = "ask for roles/aiplatform.user (and roles/iam.serviceAccountUser on the job's account)"
        raise FirelibError(error.message, where=where, remedy=remedy) from None
    except answers.NotFound as error:
        remedy = "is it the right project and region, and the API enabled?"
        raise FirelibError(error.message, where=where, remedy=remedy) from None
    except (answers.ServerError, identities.TransportError, transports.ConnectionError, transports.Timeout) as error:
        raise PassingError(f"no answer: {_first(error)}", where=where, remedy="it is tried again") from None
    except answers.ClientError as error:
        remedy = "firelib submit --dry-run shows the request"
        raise FirelibError(f"refused: {error.message}", where=where, remedy=remedy) from None


_MORE_ROOM = "ask for more quota, or name more places: --set region=A,B --set machines=M1,M2+t4:1"


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]
