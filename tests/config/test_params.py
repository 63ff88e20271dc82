from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.config import Environment, load_params, parse_params
from tests.config.raw_params import raw_params
from tests.errors import refused
from tests.project import ROOT


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "params.yaml"
        path.write_text(text)
        return path

    return write


def test_params_of_the_project_are_valid() -> None:
    assert load_params(ROOT / "params.yaml", Environment()).recipe == "flights"


def test_every_invalid_field_is_named_at_once() -> None:
    invalid = raw_params(train__workers=0, train__lr="fast", train__epocs=3, data__shard_mib=None)
    del invalid["recipe"]
    del invalid["train"]["epochs"]
    named = [
        "recipe",
        ("train.epocs", "epochs"),  # which is not named as missing, too
        ("train.workers", 0),
        ("train.lr", "fast"),
        ("data.shard_mib", None),
    ]
    with refused(what=named, where="params.yaml", remedy="docs/parameters.md"):
        parse_params(invalid, "params.yaml")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train__workers": 1.5}, ("train.workers", 1.5)),
        ({"train__workers": True}, ("train.workers", True)),
        ({"train__seed": 2**31}, ("train.seed", 2**31)),
        ({"train__lr": float("nan")}, ("train.lr", "nan")),
        ({"train__lr": float("inf")}, ("train.lr", "inf")),
        ({"data__version": -1}, ("data.version", -1)),
        ({"data__version": "5"}, ("data.version", 5)),
        ({"data__split__test": 0.3}, ("data.split", 1.2)),
        ({"data__split": 3}, ("data.split", 3)),
        ({"storage__root": ""}, ("storage.root",)),
        ({"recipe": 7}, ("recipe", 7)),
        ({"model": [1]}, ("model", "[1]")),
        ({"model": {5: 1}}, ("model.5",)),
        ({"tracking": "wandb"}, ("tracking",)),
    ],
)
def test_invalid_value_is_named(changes: dict[str, Any], named: tuple[Any, ...]) -> None:
    with refused(what=[named], where="params.yaml") as caught:
        parse_params(raw_params(**changes), "params.yaml")
    assert caught.value.what.startswith(named[0])


def test_a_key_that_is_not_a_string_is_named() -> None:
    with refused(what=1, where="params.yaml") as caught:
        parse_params({**raw_params(), 1: 2}, "params.yaml")
    assert caught.value.what.startswith("1")


def test_train_options_are_validated_all_at_once() -> None:
    invalid = {
        "precision": "float8",
        "clip_norm": 0.0,
        "accumulate": 0,
        "schedule": {"kind": "cosin"},
        "checkpoint": {"every_secs": 5},
        "early_stopping": {"patience": 0},
        "class_weights": {1: -1.0},
    }
    params = raw_params()
    names = ("precision", "clip_norm", "accumulate", "schedule.kind", "early_stopping.patience", "class_weights")
    named = [*(f"train.{name}" for name in names), ("train.checkpoint.every_secs", "every_seconds")]
    with refused(what=named, where="params.yaml"):
        parse_params({**params, "train": {**params["train"], **invalid}}, "params.yaml")


@pytest.mark.parametrize("weights", [None, "balanced", {0: 1.0, 1: 3}])
def test_class_weights_are_a_name_or_a_mapping(weights: Any) -> None:
    params = raw_params(train__class_weights=weights)
    assert parse_params(params, "params.yaml").train.class_weights == weights


def test_dates_without_quotes_which_dvc_cannot_read_are_refused(write: Callable[[str], Path]) -> None:
    raw = raw_params(data__split={"validation_from": date(2024, 1, 1), "test_from": date(2024, 3, 1)})
    named = ["data.split.validation_from", "2024-01-01", "data.split.test_from", "model.days.0"]
    with refused(what=named, where="params.yaml", remedy="quotes"):
        load_params(write(yaml.safe_dump({**raw, "model": {"days": [date(2020, 2, 2)]}})), Environment())


def test_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    with refused(what=tmp_path / "nope.yaml", remedy="--params"):
        load_params(tmp_path / "nope.yaml", Environment())


def test_environment_overrides_only_storage_and_parallelism(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", "gs://bucket/prefix")
    monkeypatch.setenv("FIRELIB_WORKERS", "7")
    path = write(yaml.safe_dump(raw_params()))
    changed, plain = load_params(path), parse_params(raw_params(), "params.yaml")
    assert changed.storage.root == "gs://bucket/prefix"
    assert changed.train.workers == 7
    restored = changed.model_copy(
        update={"storage": plain.storage, "train": changed.train.model_copy(update={"workers": plain.train.workers})}
    )
    assert restored == plain
