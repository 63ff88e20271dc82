"""The backend-independent description of a job: one firelib stage and what it needs."""

import secrets as random
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from firelib.errors import FirelibError, did_you_mean
from firelib.gcp.machine_types import Gpu, Provisioning
from firelib.launch import naming_rules
from firelib.launch.field_errors import parse_fields, report_problems

#: Stages that can run as a job.
STAGES = ("extract", "transform", "train", "tune", "evaluate", "run")

_CHECKED = ConfigDict(extra="forbid", validate_default=True)
_Seconds = Annotated[int, Field(ge=1)]


def parse_gpu(text: str | None) -> Gpu | None:
    """Parse `KIND` or `KIND:COUNT`, such as `l4` or `t4:2`; None stays None.

    Raises:
        FirelibError: The text has another form.
    """
    if text is None:
        return None
    kind, colon, count = text.partition(":")
    if not kind or (colon and not (count.isdecimal() and int(count))):
        raise FirelibError(
            f"expected KIND or KIND:COUNT, got {text!r}", where="--gpu", remedy="give --gpu l4, or --gpu t4:2"
        )
    return Gpu(kind.lower(), int(count or 1))


def _parse_gpu_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_gpu(value)
    except FirelibError:
        raise ValueError("expected KIND or KIND:COUNT, such as --gpu l4 or --gpu t4:2") from None


@dataclass(frozen=True, config=_CHECKED)
class Resources:
    """Resources of one replica. On rented machines, the machine type determines CPUs and memory.

    Attributes:
        cpus: Cores, where the backend can limit them; None means all cores of the machine.
        memory_gib: Memory in GiB, where the backend can limit it; None means all memory of the machine.
        gpu: GPUs of the replica, or None.
        machine: A machine type of Google Cloud, such as `g2-standard-8`; None where the machines exist already.
        disk_gib: Size of a rented machine's boot disk, in GiB.
    """

    cpus: Annotated[float, Field(gt=0)] | None = None
    memory_gib: Annotated[float, Field(gt=0)] | None = None
    gpu: Annotated[Gpu | None, BeforeValidator(_parse_gpu_text)] = None
    machine: str | None = None
    disk_gib: Annotated[int, Field(gt=0)] = 100


@dataclass(frozen=True, config=_CHECKED)
class Replicas:
    """Number of machines or containers that run the job together, and how they are rented and restarted.

    Attributes:
        count: Number of replicas; replica 0 runs the driver.
        provisioning: `spot` machines are cheap but can be preempted; `flex-start` waits for free capacity.
        restarts: Number of restarts after a failure or a preemption; training resumes from its checkpoint.
        minimum: Smallest number of replicas to start with if the others do not start in time; None means all.
    """

    count: Annotated[int, Field(ge=1)] = 1
    provisioning: Provisioning = "on-demand"
    restarts: Annotated[int, Field(ge=0)] = 0
    minimum: Annotated[int, Field(ge=1)] | None = None

    @field_validator("minimum")
    @classmethod
    def _check_minimum(cls, minimum: int | None, info: ValidationInfo) -> int | None:
        count = info.data.get("count")
        if minimum is not None and count is not None and minimum > count:
            raise ValueError(f"expected at most the {count} replicas of the job")
        return minimum


def _split_command(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(shlex.split(value))
    return tuple(value) if isinstance(value, list) else value


def _check_image(image: str) -> str:
    if not image or any(character.isspace() for character in image):
        raise ValueError("expected the name of a container image")
    return image


@dataclass(frozen=True, config=_CHECKED)
class JobSpec:
    """One stage to run somewhere. `parse_job` reports all wrong fields at once.

    Attributes:
        command: The stage and its options, such as `("firelib", "train")`.
        job_id: The job's name on every backend; `new_job_id` generates one.
        project: The project's folder, for backends that upload or mount it.
        image: Container image, preferably by digest; None where firelib is installed on the hosts.
        env: Variables of the stage. Requests and logs show them, so secrets are not allowed.
        secrets: Variable → source of its value: `env:NAME` (a variable of the caller), `file:PATH` (a file with mode
            600 where the stage runs), `gcp:projects/P/secrets/S/versions/N`, or `k8s:SECRET/KEY`.
        resources: Resources of each replica.
        replicas: Number of replicas, provisioning and restarts.
        timeout_seconds: Time limit of the job; None means no limit.
        queue_seconds: Time limit for the wait before the job starts; None means no limit.
        labels: Labels for billing and for finding the job.
        storage_root: Storage root of the job: a folder that all replicas share, or a bucket.
        target: Settings of the backend, such as `address` or `region`.
    """

    command: Annotated[tuple[str, ...], BeforeValidator(_split_command)]
    job_id: str
    project: str = "."
    image: Annotated[str, AfterValidator(_check_image)] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    replicas: Replicas = Replicas()
    timeout_seconds: _Seconds | None = None
    queue_seconds: _Seconds | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    storage_root: str | None = None
    target: Mapping[str, str] = field(default_factory=dict)

    @field_validator("command")
    @classmethod
    def _check_command(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        visible = {f"command: argument {number}": argument for number, argument in enumerate(command)}
        report_problems([*_validate_command(command), *naming_rules.validate_visible(visible)])
        return command

    @field_validator("job_id")
    @classmethod
    def _check_job_id(cls, job_id: str) -> str:
        report_problems(naming_rules.validate_job_id(job_id))
        return job_id

    @field_validator("env")
    @classmethod
    def _check_env(cls, env: Mapping[str, str]) -> Mapping[str, str]:
        report_problems(naming_rules.validate_env(env))
        return env

    @field_validator("secrets")
    @classmethod
    def _check_secrets(cls, secrets: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        report_problems(naming_rules.validate_secrets(secrets, info.data.get("env", {})))
        return secrets

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: Mapping[str, str]) -> Mapping[str, str]:
        report_problems(naming_rules.validate_labels(labels))
        return labels

    @field_validator("storage_root")
    @classmethod
    def _check_storage_root(cls, root: str | None) -> str | None:
        report_problems(naming_rules.validate_visible({"storage_root": root or ""}))
        return root

    @field_validator("target")
    @classmethod
    def _check_target(cls, target: Mapping[str, str]) -> Mapping[str, str]:
        report_problems(naming_rules.validate_visible({f"target.{name}": value for name, value in target.items()}))
        return target

    @property
    def stage(self) -> str:
        """The stage in the command, such as `train`."""
        return parse_stage(self.command)

    def as_json(self) -> dict[str, Any]:
        """Return plain data for records and requests. It holds references to secrets, but no secret."""
        raw = asdict(self)
        raw["replicas"]["buying"] = raw["replicas"].pop("provisioning")  # the name of this key in existing records
        if self.replicas.minimum is None:
            del raw["replicas"]["minimum"]  # earlier versions do not know it
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Rebuild a job from the result of `as_json`.

        Raises:
            FirelibError: Fields are wrong.
        """
        replicas = dict(raw["replicas"])
        if "buying" in replicas:
            replicas["provisioning"] = replicas.pop("buying")
        return parse_fields(cls, {**raw, "replicas": replicas}, where=f"job {raw['job_id']}")


def parse_job(raw: Mapping[str, Any], where: str | None = None) -> JobSpec:
    """Build a job from plain data or from parts that are built already.

    Args:
        raw: Field of `JobSpec` → value; `resources` and `replicas` may be mappings. A missing `job_id` is generated.
        where: Origin of the data, for errors; None means the job itself.

    Returns:
        The job.

    Raises:
        FirelibError: Fields are wrong or unknown; the error names all of them.

    Example:
        >>> parse_job({"command": "firelib train", "replicas": {"count": 3}}).replicas.count
        3
    """
    fields = {"job_id": _generate_id(raw.get("command")), **raw}
    return parse_fields(JobSpec, fields, where or f"job {fields['job_id']}")


def _generate_id(command: Any) -> str:
    """Generate a job's id from its command, which may be wrong: the checks of the command report that."""
    stage = ""
    with suppress(TypeError, ValueError):
        stage = parse_stage(tuple(map(str, _split_command(command))))
    return new_job_id(stage if stage in STAGES else "job")


def refuse(problems: Iterable[str], where: str, remedy: str = "see docs/submit.md for the allowed values") -> None:
    """Raise one error that names all problems; do nothing if there are none.

    Args:
        problems: One line for each problem.
        where: The job, file or command that has the problems.
        remedy: What to do about them.

    Raises:
        FirelibError: There is at least one problem.
    """
    found = list(problems)
    if found:
        raise FirelibError("\n".join(found), where=where, remedy=remedy)


def _validate_command(command: Sequence[str]) -> Iterator[str]:
    stage = parse_stage(command)
    if not stage:
        hint = f": did you mean {shlex.join(['firelib', *command])!r}?" if command and command[0] in STAGES else ""
        yield f"command: expected a stage such as 'firelib train', got {shlex.join(command)!r}{hint}"
    elif stage not in STAGES:
        yield f"command: 'firelib {stage}' is not a stage: {did_you_mean(stage, STAGES)}"


def parse_stage(command: Sequence[str]) -> str:
    """Return the stage in a command, skipping options before it; empty if there is none."""
    arguments = list(command[1:]) if command[:1] == ("firelib",) else []
    while arguments and arguments[0].startswith("-"):
        arguments = arguments[2:] if arguments[0] == "--params" else arguments[1:]
    return arguments[0] if arguments else ""


def new_job_id(stage: str, now: datetime | None = None) -> str:
    """Generate a job id that sorts by time and fits every backend.

    Args:
        stage: The stage, which begins the id.
        now: The time in the id; None means the current time.

    Returns:
        An id such as `train-261123-153000-1f9c`.
    """
    moment = (now or datetime.now(UTC)).strftime("%y%m%d-%H%M%S")
    return f"{stage}-{moment}-{random.token_hex(2)}"
