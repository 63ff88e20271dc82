"""params.yaml and the environment, checked and typed.

Everything that can change a result stands in params.yaml, where DVC sees it. `FIRELIB_*` variables override only
what cannot: addresses, parallelism, tracking, where the storage lies.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from firelib.errors import FirelibError, did_you_mean


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Storage(_Section):
    """Where the heavy and the private things lie: the lake, scratch files, checkpoints.

    root: A local folder, or `gs://bucket/prefix`, or `s3://bucket/prefix`.
    """

    root: str = Field(min_length=1)


class Split(_Section):
    """Shares of the rows; a row's share is decided by its key's hash, so it never moves."""

    train: float = Field(gt=0, lt=1)
    validation: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> "Split":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test is {total:g}, not 1")
        return self


class Data(_Section):
    """What goes into the shards.

    version: Version of the tables that grow (`Source.commit_by`); null is the newest.
    shard_mib: Size that a shard should have, in MiB.
    """

    version: int | None = Field(ge=0)
    split: Split
    shard_mib: float = Field(gt=0, le=4096)


class Train(_Section):
    """How the model is trained.

    workers: Training processes, each with `cpus_per_worker` cores (results do not depend on it).
    global_batch_size: Rows in one step over all workers.
    epochs: Passes over the training split.
    lr: Learning rate that the recipe's optimizer starts with.
    seed: Seed of the initial weights and of the order of rows.
    """

    workers: int = Field(ge=1)
    cpus_per_worker: float = Field(default=1, gt=0)
    global_batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    lr: float = Field(gt=0, allow_inf_nan=False)
    seed: int = Field(ge=0, lt=2**31)


class Params(_Section):
    """The content of params.yaml."""

    recipe: str
    storage: Storage
    data: Data
    train: Train
    model: dict[str, Any] = Field(default_factory=dict)


class Environment(BaseSettings):
    """The `FIRELIB_*` variables.

    storage_root: Overrides storage.root.
    num_cpus: Cores that embedded Ray may use; default all.
    workers: Overrides train.workers.
    tracking: `wandb` (offline without a key) or `none`.
    """

    model_config = SettingsConfigDict(env_prefix="FIRELIB_", env_ignore_empty=True, extra="ignore")

    storage_root: str | None = None
    num_cpus: int | None = Field(default=None, ge=1)
    workers: int | None = Field(default=None, ge=1)
    tracking: Literal["wandb", "none"] = "wandb"


def load_environment() -> Environment:
    """The environment's overrides; all wrong ones in one error."""
    try:
        return Environment()
    except ValidationError as error:
        wrong = [f"FIRELIB_{str(e['loc'][0]).upper()}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise FirelibError("\n".join(wrong), where="the environment", remedy="unset or correct them") from None


def load_params(path: Path, environment: Environment | None = None) -> Params:
    """params.yaml as typed parameters, with the environment's overrides.

    Raises:
        FirelibError: The file cannot be read, is no YAML, or has wrong fields (all of them named at once).
    """
    environment = environment or load_environment()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FirelibError(
            f"there is no {path}", where=str(Path.cwd()), remedy="run from the project's root, or pass --params FILE"
        ) from None
    except OSError as error:
        raise FirelibError(f"cannot read {path}: {error.strerror}", remedy="check the path and its rights") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FirelibError(f"{path} is not YAML: {error}", where=str(path), remedy="correct the syntax") from None
    if not isinstance(raw, dict):
        raise FirelibError(f"{path} holds no mapping", where=str(path), remedy="see docs/parameters.md")
    return _override(parse_params(raw, str(path)), environment)


def parse_params(raw: Mapping[str, Any], where: str) -> Params:
    """Checked parameters from plain data."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(detail) for detail in error.errors()]
        raise FirelibError(
            "\n".join(problems), where=where, remedy="docs/parameters.md lists every parameter"
        ) from None


def _override(params: Params, environment: Environment) -> Params:
    storage, train = params.storage, params.train
    if environment.storage_root:
        storage = storage.model_copy(update={"root": environment.storage_root})
    if environment.workers:
        train = train.model_copy(update={"workers": environment.workers})
    return params.model_copy(update={"storage": storage, "train": train})


def _explain(detail: ErrorDetails) -> str:
    name = ".".join(str(part) for part in detail["loc"]) or "params"
    match detail["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"{name} is unknown: {did_you_mean(str(detail['loc'][-1]), _siblings(detail['loc']))}"
        case _:
            return f"{name}: {detail['msg'].removeprefix('Value error, ')}, got {detail['input']!r}"


def _siblings(location: tuple[int | str, ...]) -> Iterable[str]:
    model: type[BaseModel] = Params
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        model = annotation
    return model.model_fields


def model_params(defaults: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """What `build_model` gets: the recipe's defaults, overridden by section `model`, and `lr`.

    Raises:
        FirelibError: A name that the recipe does not have, or a value of another type than its default.
    """
    problems = []
    for name, value in params.model.items():
        if name not in defaults:
            problems.append(f"model.{name} is unknown: {did_you_mean(name, defaults)}")
        elif not _same_type(value, defaults[name]):
            expected = type(defaults[name]).__name__
            problems.append(f"model.{name}: should be of type {expected}, got {value!r}")
    if problems:
        raise FirelibError(
            "\n".join(problems),
            where="params.yaml: model",
            remedy=f"recipe {params.recipe} knows {', '.join(sorted(defaults)) or 'no parameters'}",
        )
    return {**defaults, **params.model, "lr": params.train.lr}


def _same_type(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list) and all(_same_type(item, default[0]) for item in value if default)
    return isinstance(value, type(default))
