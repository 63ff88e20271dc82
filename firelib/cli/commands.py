"""The commands in the order of work: where each is in the help, and which optional packages it needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

#: Extra → the modules of it that a command imports.
Needs = Mapping[str, tuple[str, ...]]

_TABLES: Needs = {"data": ("dask", "deltalake", "numba", "pandas", "pyarrow")}
_MODEL: Needs = {"train": ("keras", "numba", "pyarrow", "tensorflow", "xxhash")}
_DVC: Needs = {"pipeline": ("dvc",)}


@dataclass(frozen=True)
class Entry:
    """What is known of a command before it is imported.

    Attributes:
        panel: Panel of `firelib --help`.
        needs: Optional packages that it cannot do without.
    """

    panel: str
    needs: Needs = field(default_factory=dict)


_PANELS: Mapping[str, Mapping[str, Needs]] = {
    "Start a project": {"init": {"data": ("pandas", "pyarrow"), **_DVC}, "check": _TABLES, "sync": _DVC, "doctor": {}},
    "Pipeline": {
        "run": {},  # depends on the stages, see `run_needs`
        "extract": _TABLES,
        "transform": _TABLES,
        "train": {"train": (*_MODEL["train"], "requests")},
        "evaluate": {"train": (*_MODEL["train"], "matplotlib", "sklearn")},
        "tune": {"train": (*_MODEL["train"], "requests"), "tune": ("ruamel.yaml",)},
    },
    "Use a model": {
        "predict": _MODEL,
        "serve": {"serve": ("fastapi", "httptools", "orjson", "uvicorn"), **_MODEL},
        "compare": {"train": ("matplotlib",), **_DVC},
        "report": {**_TABLES, "pipeline": ("dvc", "jinja2")},
    },
    "Data": {"data": {}},
    "Jobs": {
        name: {}
        for name in ("submit", "plan", "jobs", "status", "logs", "ssh", "cancel", "fetch", "pipeline", "cluster")
    },
    "Develop firelib": {"bench": {**_TABLES, "train": ("matplotlib",)}},
}

#: Name → entry, in the order of `firelib --help`.
COMMANDS: Mapping[str, Entry] = {
    name: Entry(panel, needs) for panel, names in _PANELS.items() for name, needs in names.items()
}
#: The stages of a pipeline, in order.
STAGES = ("extract", "transform", "train", "evaluate")
_SUBCOMMANDS: Mapping[str, Needs] = {
    "data log": {"data": ("pyarrow",)},
    "data show": {"data": ("pyarrow",)},
    "data gc": {**_TABLES, **_DVC},
    "data diff": {**_TABLES, "train": ("matplotlib",)},
    "pipeline compile": {"kubeflow": ("kfp",)},
}


def find_needs(command: str) -> Needs:
    """Optional packages that a command needs, such as `train` or `data log`."""
    return COMMANDS[command].needs if command in COMMANDS else _SUBCOMMANDS.get(command, {})


def sends_stages(environ: Mapping[str, str]) -> bool:
    """Whether the variables say that stages run as jobs elsewhere, so that this machine needs no packages for them."""
    return bool(environ.get("FIRELIB_RAY_ADDRESS") or environ.get("FIRELIB_SUBMIT"))


def run_needs(stages: Iterable[str]) -> Needs:
    """Optional packages that `firelib run` needs for some stages."""
    return {**_DVC, **merge_needs(stages)}


def merge_needs(commands: Iterable[str]) -> Needs:
    """Optional packages that several commands need together."""
    merged: dict[str, dict[str, None]] = {}
    for extra, modules in _pairs(commands):
        merged.setdefault(extra, {}).update(dict.fromkeys(modules))
    return {extra: tuple(modules) for extra, modules in merged.items()}


def _pairs(commands: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for command in commands:
        yield from find_needs(command).items()
