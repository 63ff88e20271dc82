"""params.yaml and the environment, checked and typed.

Everything that can change a result stands in params.yaml, where DVC sees it. `FIRELIB_*` variables override only
what cannot: addresses, parallelism, tracking, where the storage lies.
"""

from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from firelib.errors import FirelibError, did_you_mean

Tracking = Literal["none", "wandb", "tensorboard"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Storage(_Section):
    """Where the heavy and the private things lie: the lake, scratch files, checkpoints.

    root: A local folder, or `gs://bucket/prefix`, or `s3://bucket/prefix`.
    """

    root: str = Field(min_length=1)


class Split(_Section):
    """Shares of the rows; a row's share is decided by its key's hash, so it never moves.

    test: 0 where the recipe names its own test rows (`Recipe.test_rows`); train and validation share the others.
    """

    train: float = Field(gt=0, lt=1)
    validation: float = Field(gt=0, lt=1)
    test: float = Field(ge=0, lt=1)

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


class Checkpoint(_Section):
    """When the run is saved beside the end of every epoch. Results do not depend on it.

    every_steps: Steps between two checkpoints; null is none by steps.
    every_seconds: Seconds between two checkpoints; null is none by time.
    keep: How many of the newest are kept; the best one (by `early_stopping.metric`) is kept as well.
    """

    every_steps: int | None = Field(default=None, ge=1)
    every_seconds: float | None = Field(default=60, gt=0)
    keep: int = Field(default=2, ge=1)


class Schedule(_Section):
    """The learning rate as a function of the global step: up in a line over `warmup_steps`, then down over the rest.

    kind: `constant`, `cosine` or `linear`.
    final: Share of the learning rate that is left at the last step.
    """

    kind: Literal["constant", "cosine", "linear"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    final: float = Field(default=0, ge=0, le=1)


class EarlyStopping(_Section):
    """When to end before the last epoch, and which epoch counts as the best.

    metric: A validation metric, as it stands in plots/<recipe>/validation.csv.
    mode: Whether a smaller (`min`) or a greater (`max`) one is better; `auto` goes by its name.
    patience: Epochs without a better one after which training ends; null never ends it.
    minimum_change: By how much it must be better.
    restore_best: With a patience: whether the model is that of the best epoch, not of the last.
    """

    metric: str = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    patience: int | None = Field(default=None, ge=1)
    minimum_change: float = Field(default=0, ge=0)
    restore_best: bool = True

    @property
    def smaller_is_better(self) -> bool:
        falling = ("loss", "error", "mae", "mse", "mape", "deviance")
        return self.mode == "min" or (self.mode == "auto" and any(word in self.metric for word in falling))


class Train(_Section):
    """How the model is trained.

    workers: Training processes, each with `cpus_per_worker` cores (results do not depend on it).
    min_workers: With how many to go on when a lost node does not come back.
    device: Where workers compute; `auto` is a GPU each if the cluster has one for every worker, else CPUs.
    global_batch_size: Rows in one step over all workers.
    epochs: Passes over the training split.
    lr: Learning rate that the recipe's optimizer starts with.
    seed: Seed of the initial weights and of the order of rows.
    precision: Numbers that layers compute with; weights are float32, with `float64` those too.
    xla: Whether XLA compiles the forward and backward pass.
    steps_per_execution: Steps in one call into TensorFlow.
    accumulate: Parts in which a worker goes through its share of a batch, one after the other: less memory.
    clip_norm: Longest that the gradient of a global batch may be; longer ones are scaled down.
    class_weights: `balanced`, or class → weight of its rows; null weighs all rows the same.
    hang_seconds: Silence of a worker that counts as lost; ten times as long without a step by any does, too.
    start_seconds: How long to wait for free places, and then for the workers to come up, before trying otherwise.
    """

    workers: int = Field(ge=1)
    min_workers: int = Field(default=1, ge=1)
    cpus_per_worker: float = Field(default=1, gt=0)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    global_batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    lr: float = Field(gt=0, allow_inf_nan=False)
    seed: int = Field(ge=0, lt=2**31)
    precision: Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"] = "float32"
    xla: bool = False
    steps_per_execution: int = Field(default=1, ge=1)
    accumulate: int = Field(default=1, ge=1)
    clip_norm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    class_weights: Literal["balanced"] | dict[int, float] | None = None
    schedule: Schedule = Schedule()
    early_stopping: EarlyStopping = EarlyStopping()
    checkpoint: Checkpoint = Checkpoint()
    hang_seconds: float = Field(default=60, gt=0)
    start_seconds: float = Field(default=300, gt=0)

    @field_validator("class_weights")
    @classmethod
    def _weights_of_classes(cls, weights: Any) -> Any:
        if isinstance(weights, dict) and any(label < 0 or not 0 <= weight < inf for label, weight in weights.items()):
            raise ValueError("classes are numbered from 0, weights are 0 or more")
        return weights


_Ends = Annotated[list[float], Field(min_length=2, max_length=2)]


class Distribution(_Section):
    """Values that a parameter takes in a tuning: exactly one of these.

    choice: One of these values.
    uniform: A number between two.
    loguniform: The same, each order of magnitude as likely as the others.
    randint: An integer from the first up to the second, which is left out.
    """

    choice: list[Any] | None = Field(default=None, min_length=1)
    uniform: _Ends | None = None
    loguniform: _Ends | None = None
    randint: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Distribution":
        given = {name: value for name, value in self if value is not None}
        if len(given) != 1:
            raise ValueError("give exactly one of choice, uniform, loguniform, randint")
        if self.choice is None and not self.ends[0] < self.ends[1]:
            raise ValueError("the first number must be smaller than the second")
        if self.loguniform and self.loguniform[0] <= 0:
            raise ValueError("loguniform begins above 0")
        return self

    @property
    def ends(self) -> list[Any]:
        """Least and greatest value; of a choice, all of them."""
        if self.randint:
            return [self.randint[0], self.randint[1] - 1] if self.randint[0] < self.randint[1] else self.randint
        return self.choice or self.uniform or self.loguniform or []


class Tune(_Section):
    """What `firelib tune` tries. Trials are compared by `train.early_stopping.metric`.

    trials: How many.
    grace_epochs: Epochs that every trial may train before it can be stopped.
    reduction: Of the trials that reach an epoch where some are stopped, one in so many goes on.
    seed: Of the values that are drawn.
    space: Parameter, such as `train.lr` or `model.hidden`, → its values.
    """

    trials: int = Field(default=8, ge=1)
    grace_epochs: int = Field(default=1, ge=1)
    reduction: int = Field(default=3, ge=2)
    seed: int = Field(default=0, ge=0)
    space: dict[str, Distribution] = Field(default_factory=dict)


class Params(_Section):
    """The content of params.yaml."""

    recipe: str
    storage: Storage
    data: Data
    train: Train
    model: dict[str, Any] = Field(default_factory=dict)
    tune: Tune = Tune()


class Environment(BaseSettings):
    """The `FIRELIB_*` variables.

    storage_root: Overrides storage.root.
    num_cpus: Cores that embedded Ray may use; default all.
    workers: Overrides train.workers.
    tracking: `wandb` (offline without a key), `tensorboard` or `none`.
    cache: Folder for local copies of remote and of compressed shards; default the user's cache folder.
    cache_gib: How large these may become together; 0 keeps none of remote shards.
    sources: Folder of raw files, taken by their names where the recipe knows their hashes.
    ray_address: Dashboard of a Ray cluster, http://HOST:8265: each stage is sent there as a job.
    """

    model_config = SettingsConfigDict(env_prefix="FIRELIB_", env_ignore_empty=True, extra="ignore")

    storage_root: str | None = None
    num_cpus: int | None = Field(default=None, ge=1)
    workers: int | None = Field(default=None, ge=1)
    tracking: Tracking = "wandb"
    cache: Path | None = None
    cache_gib: float = Field(default=64, ge=0)
    sources: Path | None = None
    ray_address: str | None = None


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
    kind: Any = Params
    for part in location[:-1]:
        is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
        kind = kind.model_fields[str(part)].annotation if is_section else get_args(kind)[-1]  # a mapping's values
    fields: Iterable[str] = kind.model_fields
    return fields


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
