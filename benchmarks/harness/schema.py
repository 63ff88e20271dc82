"""The JSON of a benchmark's result. Files of earlier versions have fewer fields, so newer ones have defaults."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.questions import measure_again
from firelib.errors import FirelibError

#: `full` and `short` are the forms of `firelib bench`; `other` is a benchmark that was run by hand.
Form = Literal["full", "short", "other"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Open(BaseModel):
    """Benchmarks may add fields of their own."""

    model_config = ConfigDict(extra="allow")


class Usage(_Strict):
    """What a run of a way used, in each round.

    Attributes:
        rows: Rows per run.
        cpu_seconds: CPU time of all processes. This list and the others are empty if the rows cost something else.
        peak_mib: Peak resident memory of all processes, in MiB; libraries that other ways have loaded included.
        minor_faults: Page faults of all processes.
    """

    rows: int
    cpu_seconds: list[float] = Field(default_factory=list)
    peak_mib: list[float] = Field(default_factory=list)
    minor_faults: list[float] = Field(default_factory=list)


class Bar(_Open):
    """A way and its figure: the median, and how far it may be off.

    Attributes:
        values: One figure per round.
    """

    name: str
    value: float
    low: float
    high: float
    values: list[float] = Field(default_factory=list)
    settings: str = ""
    usage: Usage | None = None


class Finding(_Open):
    """A line of the report.

    Attributes:
        goal: The target with its comparison, such as `≥ 0.7`.
        better: Which values are better; empty if neither.
        ours: For a ratio of rates: the way in the numerator.
        peer: The way in the denominator.
    """

    what: str
    value: float
    low: float
    high: float
    values: list[float] = Field(default_factory=list)
    unit: str = ""
    goal: str = ""
    better: Literal["higher", "lower", ""] = ""
    ours: str = ""
    peer: str = ""


class Case(_Open):
    """Ways on the same data."""

    title: str
    unit: str
    bars: list[Bar]
    findings: list[Finding]
    absent: dict[str, str] = Field(default_factory=dict)


class Round(_Strict):
    """A round of measurement and the state of the machine in it.

    Attributes:
        process: Index of the process that measured it.
        seconds: Duration.
        compute_ms: Duration of the fixed computation, the worse of before and after.
        memory_ms: Duration of the fixed copy in memory, likewise.
        steal: Share of the cores' time that the host took away, 0 to 1.
        others: Share of the cores' time that other processes took.
        disturbed: What disturbed the round.
        counts: Whether its figures count; others were repeated.
    """

    process: int = 0
    seconds: float
    compute_ms: float
    memory_ms: float
    steal: float
    others: float
    disturbed: list[str] = Field(default_factory=list)
    counts: bool = False


class Machine(_Strict):
    """The machine.

    Attributes:
        cores: Number of cores.
        cpu: Architecture.
        load_before: Load average when the benchmark started.
        usable_cores: Cores that affinity and quota permit.
        memory_gib: Memory of the machine.
        memory_limit_gib: Memory that the process's cgroup permits.
        huge_pages: Mode of transparent huge pages.
        virtual: Whether it is a virtual machine.
    """

    cores: int
    cpu: str
    python: str
    load_before: float
    cpu_model: str = ""
    usable_cores: int | None = None
    memory_gib: float | None = None
    memory_limit_gib: float | None = None
    kernel: str = ""
    huge_pages: str = ""
    virtual: bool | None = None


class Result(_Strict):
    """The answer to a question.

    Attributes:
        version: Version of this schema.
        label: Name of another machine; empty for the first one.
        arguments: Arguments of the benchmark.
        complete: Whether all cases are there; a benchmark that was killed leaves the finished ones.
        busy: Whether other work ran on the machine before it started.
        measured: When it ended: ISO 8601, UTC.
        commit: Git revision, with `+` after it if files differed.
        page_cache: What was done about it.
        processes: Number of processes that measured all cases one after the other.
    """

    version: int = 1
    name: str
    question: str
    form: Form = "full"
    label: str = ""
    arguments: list[str] = Field(default_factory=list)
    complete: bool = True
    busy: bool = False
    measured: str = ""
    commit: str = ""
    page_cache: str = ""
    processes: int = 1
    machine: Machine
    libraries: dict[str, str] = Field(default_factory=dict)
    rounds: list[Round] = Field(default_factory=list)
    cases: list[Case]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a file.

        Raises:
            FirelibError: It is no result.
        """
        try:
            return cls.model_validate_json(path.read_text())
        except ValidationError as error:
            first = error.errors()[0]
            spot = ".".join(map(str, first["loc"])) or "the file"
            raise FirelibError(f"{spot}: {first['msg']}", where=str(path), remedy=measure_again(path)) from error

    def write(self, path: Path) -> None:
        """Write the file; a reader sees the old content or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=2) + "\n")
        part.replace(path)
