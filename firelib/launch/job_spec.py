"""A job: one firelib stage and what it needs, in words that belong to no backend."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

from firelib.errors import FirelibError, did_you_mean
from firelib.launch import naming_rules

Buying = Literal["on-demand", "spot", "flex-start"]

#: Commands that may be sent elsewhere.
STAGES = ("extract", "transform", "train", "tune", "evaluate", "run")


@dataclass(frozen=True)
class Gpu:
    """GPUs of one replica.

    Attributes:
        kind: As machine_catalog.yaml names it: `t4`, `l4`, `a100`, …
        count: How many each replica gets.
    """

    kind: str
    count: int = 1


def parse_gpu(word: str | None) -> Gpu | None:
    """`l4` or `t4:2`.

    Raises:
        FirelibError: The count is no number.
    """
    if word is None:
        return None
    kind, _, count = word.partition(":")
    if count and not count.isdigit():
        raise FirelibError(f"--gpu: should be KIND or KIND:COUNT, got {word!r}", remedy="such as l4, or t4:2")
    return Gpu(kind.lower(), int(count or 1))


@dataclass(frozen=True)
class Resources:
    """What one replica gets. A machine type decides CPUs and memory where machines are rented.

    Attributes:
        cpus: Cores, where the backend can limit them; None is all of the machine.
        memory_gib: Memory, likewise.
        gpu: GPUs, or None.
        machine: A machine type of Google Cloud, such as `g2-standard-8`; None where machines are there already.
        disk_gib: Boot disk of a rented machine.
    """

    cpus: float | None = None
    memory_gib: float | None = None
    gpu: Gpu | None = None
    machine: str | None = None
    disk_gib: int = 100

    def problems(self) -> Iterator[str]:
        for name in ("cpus", "memory_gib", "disk_gib"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                yield f"resources.{name}: should be greater than 0, got {value!r}"
        if self.gpu is not None and self.gpu.count < 1:
            yield f"resources.gpu.count: should be 1 or more, got {self.gpu.count!r}"
        if self.gpu is not None and not self.gpu.kind:
            yield "resources.gpu.kind: should name a GPU, got ''"


@dataclass(frozen=True)
class Replicas:
    """How many machines (or containers) run the job together, and what may happen to them.

    Attributes:
        count: How many; replica 0 drives.
        buying: `spot` machines are cheap and may be taken away; `flex-start` waits for free ones.
        restarts: How often a job that failed or was stopped is started again; it goes on from its checkpoint.
    """

    count: int = 1
    buying: Buying = "on-demand"
    restarts: int = 0

    def problems(self) -> Iterator[str]:
        if self.count < 1:
            yield f"replicas.count: should be 1 or more, got {self.count!r}"
        if self.buying not in get_args(Buying):
            yield f"replicas.buying: {did_you_mean(str(self.buying), get_args(Buying))}, got {self.buying!r}"
        if self.restarts < 0:
            yield f"replicas.restarts: should be 0 or more, got {self.restarts!r}"


@dataclass(frozen=True)
class JobSpec:
    """One stage to run somewhere. Wrong fields are reported all at once.

    Attributes:
        command: The stage, such as `("firelib", "train")`.
        job_id: Its name on every backend; `new_job_id` makes one.
        project: Folder of the project, for backends that ship or mount it.
        image: Container image, best by digest; None where the hosts hold firelib.
        env: Variables for the stage. No secrets: they would be seen in requests and logs.
        secrets: Variable → where its value comes from: `env:NAME` (a variable of the caller), `file:PATH` (a file
            of mode 600 where the stage runs), `gcp:projects/P/secrets/S/versions/N`, `k8s:SECRET/KEY`.
        resources: What each replica gets.
        replicas: How many there are.
        timeout_seconds: Ends the job after so long; None never does.
        queue_seconds: Gives up after so long without a start; None waits on.
        labels: For bills and for finding the job.
        storage_root: Where the job keeps its heavy things; a folder that all replicas see, or a bucket.
        target: Where it goes, in the backend's own words, such as `address` or `region`.

    Raises:
        FirelibError: Fields are wrong.
    """

    command: tuple[str, ...]
    job_id: str
    project: str = "."
    image: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    replicas: Replicas = Replicas()
    timeout_seconds: int | None = None
    queue_seconds: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    storage_root: str | None = None
    target: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse(self._problems(), where=f"job {self.job_id}")

    def _problems(self) -> Iterator[str]:
        yield from _of_command(self.command)
        yield from naming_rules.of_job(self.job_id)
        yield from naming_rules.of_variables(self.env, self.secrets)
        yield from naming_rules.of_labels(self.labels)
        yield from self.resources.problems()
        yield from self.replicas.problems()
        for name in ("timeout_seconds", "queue_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and seconds < 1:
                yield f"{name}: should be 1 or more, got {seconds!r}"
        if self.image is not None and (not self.image or any(character.isspace() for character in self.image)):
            yield f"image: should name a container image, got {self.image!r}"

    @property
    def stage(self) -> str:
        return stage_of(self.command)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for records and requests. Secrets are references, so nothing in it is secret."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """The job that `as_json` gave."""
        resources = dict(raw["resources"])
        gpu = resources.pop("gpu")
        return cls(
            **{
                **raw,
                "command": tuple(raw["command"]),
                "resources": Resources(**resources, gpu=Gpu(**gpu) if gpu else None),
                "replicas": Replicas(**raw["replicas"]),
            }
        )


def refuse(
    problems: Iterator[str] | list[str], where: str, remedy: str = "docs/submit.md lists what may stand"
) -> None:
    """Raise one error that names all problems, if there are any.

    Raises:
        FirelibError: There are.
    """
    found = list(problems)
    if found:
        raise FirelibError("\n".join(found), where=where, remedy=remedy)


def _of_command(command: tuple[str, ...]) -> Iterator[str]:
    stage = stage_of(command)
    if not stage:
        yield f"command: should be a stage such as 'firelib train', got {' '.join(command)!r}"
    elif stage not in STAGES:
        yield f"command: 'firelib {stage}' is no stage: {did_you_mean(stage, STAGES)}"


def stage_of(command: Sequence[str]) -> str:
    """The stage in a command, after options that stand before it; empty if there is none."""
    words = list(command[1:]) if command[:1] == ("firelib",) else []
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] == "--params" else words[1:]
    return words[0] if words else ""


def new_job_id(stage: str, now: datetime | None = None) -> str:
    """A name of its own that sorts by time and is short enough for all backends: `train-261123-153000-1f9c`."""
    moment = (now or datetime.now(UTC)).strftime("%y%m%d-%H%M%S")
    return f"{stage}-{moment}-{secrets.token_hex(2)}"
