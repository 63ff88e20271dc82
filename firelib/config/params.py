"""params.yaml: everything that can change a result, so that DVC sees it."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from firelib.config.environment import Environment, load_environment
from firelib.config.evaluate import Evaluate
from firelib.config.own_sections import drop_own_sections
from firelib.config.section import Section
from firelib.config.split import Split
from firelib.config.train import Train
from firelib.config.tune import Tune
from firelib.config.validation_errors import explain_validation_error
from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError

PARTITION_BYTES = 32 * 2**20


class Storage(Section):
    """Where the lake, scratch files and checkpoints are stored.

    Attributes:
        root: A local folder, or `gs://bucket/prefix`, or `s3://bucket/prefix`.
    """

    root: str = Field(min_length=1)


class Data(Section):
    """What goes into the shards.

    Attributes:
        version: Version of the tables that grow (`Source.commit_by`); null is the newest.
        split: Shares of the splits, or the times at which they begin; nothing where a column names the split.
        shard_mib: Target size of a shard, in MiB.
        scale: How many times each row is in the dataset. Synthetic copies are for benchmarks and trials of a cluster.
        partition_bytes: Target size of the rows that a task of the transform holds, in bytes of memory.
    """

    version: int | None = Field(ge=0)
    split: Split = Split()
    shard_mib: float = Field(gt=0, le=4096)
    scale: int = Field(default=1, ge=1, le=10_000)
    partition_bytes: int = Field(default=PARTITION_BYTES, ge=2**10)


class Params(Section):
    """The content of params.yaml.

    Attributes:
        recipe: A recipe of firelib, a module or a file.
        storage: Where heavy files are stored.
        data: What goes into the shards.
        train: How the model is trained.
        model: Overrides of the recipe's own parameters.
        evaluate: What the model is compared with.
        tune: What `firelib tune` tries.
    """

    recipe: str
    storage: Storage
    data: Data
    train: Train
    model: dict[str, Any] = Field(default_factory=dict)
    evaluate: Evaluate = Evaluate()
    tune: Tune = Tune()


def load_params(path: Path, environment: Environment | None = None) -> Params:
    """The parameters in params.yaml, with the environment's overrides.

    Args:
        path: The file.
        environment: The overrides; by default those of this process.

    Raises:
        FirelibError: The file cannot be read, is not YAML, or has invalid fields (the error names all of them).
    """
    environment = environment or load_environment()
    raw = read_yaml_mapping(
        path,
        if_missing="run from the project's root, or pass --params FILE",
        if_no_mapping="write it as docs/parameters.md describes",
    )
    _refuse_bare_dates(raw, str(path))
    raw = drop_own_sections(raw, path, Params.model_fields.keys())
    return _override(parse_params(raw, str(path)), environment)


def parse_params(raw: Mapping[str, Any], where: str) -> Params:
    """Validated parameters from plain data.

    Args:
        raw: What a YAML parser returns for params.yaml.
        where: What to call it in errors.

    Raises:
        FirelibError: Fields are invalid; the error names all of them.
    """
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise FirelibError(
            explain_validation_error(error, Params), where=where, remedy="see docs/parameters.md for every parameter"
        ) from None


def _refuse_bare_dates(raw: Mapping[str, Any], where: str) -> None:
    """Refuse dates without quotes: YAML makes dates of them, for which DVC stops with an internal error."""
    bare = [f"{name}: {value} is a date without quotes, which DVC cannot read" for name, value in _find_dates(raw, "")]
    if bare:
        raise FirelibError("\n".join(bare), where=where, remedy='write it as text, in quotes: "2024-01-31"')


def _find_dates(value: Any, name: str) -> Iterator[tuple[str, date]]:
    if isinstance(value, date):
        yield name, value
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _find_dates(inner, f"{name}.{key}" if name else str(key))


def _override(params: Params, environment: Environment) -> Params:
    storage, train = params.storage, params.train
    if environment.storage_root:
        storage = storage.model_copy(update={"root": environment.storage_root})
    if environment.workers:
        train = train.model_copy(update={"workers": environment.workers})
    if environment.expected_gpus and train.device == "auto":
        train = train.model_copy(update={"device": "gpu"})
    return params.model_copy(update={"storage": storage, "train": train})
