"""What a backend is: a module that turns a job into a request, and a few thin calls that send it and ask about it."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from firelib.errors import FirelibError, did_you_mean
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec, refuse

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

#: States that a job does not leave.
OVER: frozenset[State] = frozenset({"succeeded", "failed", "cancelled"})

#: Name → module, imported when it is asked for.
BACKENDS: Mapping[str, str] = {
    "local": "firelib.launch.backends.local.backend",
    "docker": "firelib.launch.backends.docker.backend",
    "ray": "firelib.launch.backends.ray.backend",
    "vertex": "firelib.launch.backends.vertex.backend",
    "kubeflow": "firelib.launch.backends.kubeflow.backend",
}


@dataclass(frozen=True)
class JobStatus:
    """How a job stands.

    Attributes:
        state: The same words on every backend.
        exit_code: Of the stage, where the backend tells it.
        message: What the backend says, one line.
    """

    state: State
    exit_code: int | None = None
    message: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def code(self) -> int:
        """What `firelib submit` ends with: the stage's own code, else 0 for success and 1 for all else."""
        if self.exit_code is not None:
            return self.exit_code
        return 0 if self.state == "succeeded" else 1


class LostConnectionError(FirelibError):
    """The backend does not answer now; it may again."""


class Backend(Protocol):
    """A module with these names.

    SETTINGS: Names that may stand in `JobSpec.target` → what they mean.
    """

    SETTINGS: Mapping[str, str]

    def problems(self, spec: JobSpec) -> list[str]:
        """What this backend would refuse; no network, no credentials."""

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """What would be sent, as plain data without secrets; pure: no network, no credentials."""

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Send it. Gives what `status`, `logs` and `cancel` need to find the job again."""

    def status(self, record: JobRecord) -> JobStatus:
        """How it stands now."""

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """What it has written, from its beginning; with `follow` as long as it runs, or until a connection is lost."""

    def cancel(self, record: JobRecord) -> None:
        """End it; one that is over already is no error."""


def backend(name: str) -> Backend:
    """The backend of this name.

    Raises:
        FirelibError: There is none, or a package that it needs is not installed.
    """
    if name not in BACKENDS:
        raise FirelibError(f"there is no backend {name!r}", where="--to", remedy=did_you_mean(name, BACKENDS))
    try:
        return cast(Backend, importlib.import_module(BACKENDS[name]))
    except ModuleNotFoundError as error:
        raise FirelibError(
            f"backend {name} needs {error.name}, which is not installed", remedy=f"uv sync --extra {name}"
        ) from error


def check(name: str, spec: JobSpec) -> Backend:
    """The backend of this name, if it would take the job.

    Raises:
        FirelibError: It would refuse; all reasons at once.
    """
    chosen = backend(name)
    refuse([*_unknown(chosen, spec), *chosen.problems(spec)], where=f"job {spec.job_id} for {name}")
    return chosen


def _unknown(chosen: Backend, spec: JobSpec) -> Iterator[str]:
    for setting in spec.target:
        if setting not in chosen.SETTINGS:
            yield f"target.{setting} is unknown: {did_you_mean(setting, chosen.SETTINGS)}"
