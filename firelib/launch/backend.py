"""The interface of a backend: how firelib validates, submits, observes and cancels a job in one environment."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from firelib.errors import FirelibError
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import find_machine_notes
from firelib.launch.plan import Plan, PlanRequest, format_count
from firelib.launch.target import Target
from firelib.launch.transfer.output_archive import fetch_outputs

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

#: States that a job never leaves.
FINAL_STATES: frozenset[State] = frozenset({"succeeded", "failed", "cancelled"})

#: Scheme of a secret reference → its form, for error messages.
_SECRET_FORMS: Mapping[str, str] = {
    "env": "env:NAME",
    "file": "file:PATH",
    "gcp": "gcp:projects/P/secrets/S/versions/N",
    "k8s": "k8s:SECRET/KEY",
}


@dataclass(frozen=True)
class JobStatus:
    """State of a job at one moment.

    Attributes:
        state: The same five states on every backend.
        exit_code: Exit code of the stage, or None if the backend does not report it (yet).
        message: One line of explanation from the backend, or empty.
        seconds: How long the job has run so far, or ran, if the backend reports it.
    """

    state: State
    exit_code: int | None = None
    message: str = ""
    seconds: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the state is final."""
        return self.state in FINAL_STATES

    @property
    def code(self) -> int:
        """Exit code of `firelib submit`: the stage's own if known, else 0 for success and 1 for anything else."""
        if self.exit_code is not None:
            return self.exit_code
        return 0 if self.state == "succeeded" else 1


@dataclass(frozen=True)
class Shell:
    """How to open a shell where a job runs.

    Attributes:
        argv: The command.
        is_direct: Whether firelib can run it; otherwise the user does, after signing in or filling something in.
    """

    argv: tuple[str, ...]
    is_direct: bool = True


class LostConnectionError(FirelibError):
    """The backend did not answer; the same call may succeed later."""


class Backend(ABC):
    """An environment that runs jobs. docs/backends.md explains how to add one.

    `validate` and `request` are pure: they open no connection and read no credentials. `status` and `logs` are
    queries: they change nothing, neither in the environment nor on this machine. `submit`, `advance` and `cancel` act.

    Attributes:
        name: Value of `--to` that selects this backend.
        target_type: Settings that `--set NAME=VALUE` accepts.
        secret_schemes: Schemes of the secret references that this backend can resolve: `env`, `file`, `gcp`, `k8s`.
        sends_code: Whether the project's code is sent elsewhere; False if the job runs in the project itself.
        returns_outputs: Whether outputs have to be fetched; False if the job writes into the project itself.
        mounts_storage_root: Whether replicas see the caller's storage root through a mount, so that a relative path
            must be made absolute before submission.
        poll_seconds: Seconds between two looks at a followed job.
        log_delay_seconds: How long output may take to appear in the log; a finished job's log is read until it has
            been silent for that long.
        runs_components: Whether a stage runs in the image of its component, so that `firelib run` is one job for each
            stage.
    """

    name: ClassVar[str]
    target_type: ClassVar[type[Target]] = Target
    secret_schemes: ClassVar[tuple[str, ...]] = ()
    sends_code: ClassVar[bool] = False
    returns_outputs: ClassVar[bool] = False
    mounts_storage_root: ClassVar[bool] = False
    poll_seconds: ClassVar[float] = 1.0
    log_delay_seconds: ClassVar[float] = 0.0
    runs_components: ClassVar[bool] = False

    def default_target(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the settings that environment variables provide, such as the address in FIRELIB_RAY_ADDRESS."""
        return self.target_type.defaults(environ)

    def validate(self, spec: JobSpec) -> list[str]:
        """Return every reason why this backend would refuse a job; no network, no credentials."""
        _, problems = self.target_type.parse_with_problems(spec.target)
        return [*problems, *self.find_problems(spec), *self._find_secret_problems(spec)]

    def _find_secret_problems(self, spec: JobSpec) -> Iterator[str]:
        expected = " or ".join(_SECRET_FORMS[scheme] for scheme in self.secret_schemes) or "no secrets"
        for variable, reference in spec.secrets.items():
            scheme = reference.partition(":")[0]
            if scheme not in self.secret_schemes:
                yield f"secrets.{variable}: backend {self.name} expects {expected}, got {scheme}:…"

    @abstractmethod
    def find_problems(self, spec: JobSpec) -> Iterable[str]:
        """Yield what is wrong with a job beyond its target's form and its secrets, one line `FIELD: …` each."""

    def notes(self, spec: JobSpec) -> Iterable[str]:
        """Yield what the user should know before a job is sent, although nothing forbids it; no network.

        Args:
            spec: A job for which `validate` returned nothing.
        """
        return find_machine_notes(spec.resources)

    def preflight(self, spec: JobSpec) -> Iterable[str]:  # noqa: ARG002  for others
        """Yield why a valid job would fail that only the environment knows, one line `FIELD: …` each.

        It may use the network and credentials: it asks whether the image exists, or where the bucket lies. `submit`
        asks before it sends anything; of a whole run, all stages are asked about before the first one is sent.
        """
        return ()

    @abstractmethod
    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return what `submit` would send, as plain data without secrets. `--dry-run` prints it."""

    @abstractmethod
    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Start the job; if that fails, leave nothing behind.

        Args:
            spec: A job for which `validate` returned nothing.

        Returns:
            The handle: whatever the other methods need to find the job again. It is stored in the job's record.

        Raises:
            FirelibError: The environment refused the job.
        """

    @abstractmethod
    def status(self, record: JobRecord) -> JobStatus:
        """Return the job's state. A query: calling it any number of times changes nothing.

        Raises:
            LostConnectionError: The environment did not answer.
        """

    @abstractmethod
    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """Yield the output of replica 0 from its beginning, in chunks of any size.

        Args:
            record: The job.
            follow: Yield new output as it appears. The stream may end early: callers ask `status` and read again.

        Raises:
            LostConnectionError: The connection ended before the log did.
        """

    def open_log(self, record: JobRecord) -> Callable[[], Iterator[str]]:
        """Return a function that yields the output of replica 0 since its last call.

        The default reads the whole log each time. A backend whose log is remote or out of order overrides it.

        Args:
            record: The job.
        """
        shown = 0

        def read_on() -> Iterator[str]:
            nonlocal shown
            position = 0
            for chunk in self.logs(record, follow=True):
                new = chunk[max(0, shown - position) :]
                position += len(chunk)
                shown = max(shown, position)
                if new:
                    yield new

        return read_on

    @abstractmethod
    def cancel(self, record: JobRecord) -> None:
        """Ask the job to stop, so that training can save a checkpoint; no error if the job is over."""

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002  for others
        """Estimate machines, price, quotas and missing prerequisites for `firelib plan`; no network.

        Args:
            request: The requested machines.
            project: The project's folder.
            environ: Variables that show which credentials and addresses are set.

        Raises:
            FirelibError: The machines are not available; the error names all reasons.
        """
        return Plan(self.name, format_count(request.replicas.count, "replica"))

    def estimate_cost(self, spec: JobSpec) -> float | None:  # noqa: ARG002  for others
        """Return the most that a job's machines cost within its time limit, in US dollars; None if that is not known.

        Args:
            spec: The job.
        """
        return None

    def advance(self, record: JobRecord) -> JobRecord:
        """Do what a job needs from its client: retry elsewhere, or release what a finished job occupies.

        Whoever follows a job calls this after each `status`. It is idempotent, and most backends need nothing.

        Returns:
            The record, with a new handle if the job was submitted again.
        """
        return record

    def shell(self, record: JobRecord) -> Shell:
        """Return the command that opens a shell where a job runs. The default refuses.

        Raises:
            FirelibError: The backend opens no shells.
        """
        raise FirelibError(
            f"backend {self.name} opens no shells",
            where=f"job {record.job_id}",
            remedy=f"read its log: firelib logs {record.job_id}",
        )

    def fetch_outputs(self, record: JobRecord) -> list[str]:
        """Copy the outputs of a finished job into its project. The default reads them from the storage root.

        Returns:
            Names of the files, relative to the project.

        Raises:
            FirelibError: The job left no outputs, or they cannot be read.
        """
        return fetch_outputs(record.spec)
