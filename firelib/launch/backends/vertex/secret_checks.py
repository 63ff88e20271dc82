"""Whether the secrets of a job exist: otherwise it would fail after minutes in a queue. No value is read.

https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/get
"""

from collections.abc import Iterator
from typing import Any

from firelib.console import note
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_spec import JobSpec

_ENDPOINT = "https://secretmanager.googleapis.com"
_TIMEOUT_SECONDS = 30


def find_secret_problems(spec: JobSpec) -> Iterator[str]:
    """Yield which secrets do not exist, or are disabled; a note says which cannot be checked.

    Args:
        spec: The job; its secrets are versions in Secret Manager.

    Raises:
        FirelibError: This machine is not logged in to Google Cloud.
    """
    if not spec.secrets:
        return
    from firelib.launch.backends.vertex.client import open_session

    address = VertexTarget.parse(spec.target).endpoint or _ENDPOINT
    session = open_session(address, "https://www.googleapis.com/auth/cloud-platform")
    for variable, reference in spec.secrets.items():
        version = reference.partition(":")[2]
        answer = session.get(f"{address}/v1/{version}", timeout=_TIMEOUT_SECONDS)
        if answer.status_code == 403:
            note(f"secret {version} is not checked: it takes secretmanager.versions.get, which you lack")
        elif problem := _explain(answer, version):
            yield f"secrets.{variable}: {problem}"


def _explain(answer: Any, version: str) -> str | None:
    if answer.status_code == 404:
        secret = version.split("/")[3]
        return f"{version} does not exist: gcloud secrets versions add {secret} --data-file=FILE"
    if answer.status_code != 200:
        return f"{version} cannot be looked up: HTTP {answer.status_code}"
    state = answer.json().get("state", "ENABLED")
    return None if state == "ENABLED" else f"{version} is {state.lower()}: name another version"
