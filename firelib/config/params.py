"""params.yaml: everything that can change a result, so that DVC sees it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from firelib.config.environment import Environment, load_environment
from firelib.config.section import Section
from firelib.config.train import Train
from firelib.config.tune import Tune
from firelib.config.validation_errors import explain_validation_error
from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError


class Storage(Section):
    """Where the lake, scratch files and checkpoints are stored.

    Attributes:
        root: A local folder, or `gs://bucket/prefix`, or `s3://bucket/prefix`.
    """

    root: str = Field(min_length=1)


class Split(Section):
    """Shares of the rows. The hash of a row's key decides its split, so a row never moves to another split.

    Attributes:
        train: Share of the training split.
        validation: Share of the validation split.
        test: Share of the test split; 0 where the recipe names its own test rows (`Recipe.test_rows`) and the other
            two splits share the remaining rows.
    """

    train: float = Field(gt=0, lt=1)
    validation: float = Field(gt=0, lt=1)
    test: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> "Split":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, got {total:g}")
        return self


class Data(Section):
    """What goes into the shards.

    Attributes:
        version: Version of the tables that grow (`Source.commit_by`); null is the newest.
        split: Shares of the splits.
        shard_mib: Target size of a shard, in MiB.
    """

    version: int | None = Field(ge=0)
    split: Split
    shard_mib: float = Field(gt=0, le=4096)


class Params(Section):
    """The content of params.yaml.

    Attributes:
        recipe: A recipe of firelib, a module or a file.
        storage: Where heavy files are stored.
        data: What goes into the shards.
        train: How the model is trained.
        model: Overrides of the recipe's own parameters.
        tune: What `firelib tune` tries.
    """

    recipe: str
    storage: Storage
    data: Data
    train: Train
    model: dict[str, Any] = Field(default_factory=dict)
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


def _override(params: Params, environment: Environment) -> Params:
    storage, train = params.storage, params.train
    if environment.storage_root:
        storage = storage.model_copy(update={"root": environment.storage_root})
    if environment.workers:
        train = train.model_copy(update={"workers": environment.workers})
    return params.model_copy(update={"storage": storage, "train": train})
