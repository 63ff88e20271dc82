import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.config import Environment, Params, load_environment, load_params, model_params, parse_params
from tests.errors import refused

ROOT = Path(__file__).parents[1]


def raw(**changes: Any) -> dict[str, Any]:
    """Valid parameters; `train__lr=1.0` replaces one of a section."""
    params: dict[str, Any] = {
        "recipe": "flights",
        "storage": {"root": "storage"},
        "data": {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 16},
        "train": {"workers": 2, "global_batch_size": 1024, "epochs": 4, "lr": 0.001, "seed": 42},
    }
    for path, value in changes.items():
        *sections, name = path.split("__")
        inner = params
        for section in sections:
            inner = inner[section]
        inner[name] = value
    return params


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "params.yaml"
        path.write_text(text)
        return path

    return write


def test_params_of_the_project_are_valid() -> None:
    assert load_params(ROOT / "params.yaml", Environment()).recipe == "flights"


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = raw(train__workers=0, train__lr="fast", train__epocs=3, data__shard_mib=None)
    del wrong["recipe"]
    del wrong["train"]["epochs"]
    named = [
        "recipe",
        "train.epochs",
        ("train.epocs", "epochs"),
        ("train.workers", 0),
        ("train.lr", "fast"),
        ("data.shard_mib", None),
    ]
    with refused(what=named, where="params.yaml", remedy="docs/parameters.md"):
        parse_params(wrong, "params.yaml")


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
def test_wrong_value_is_named(changes: dict[str, Any], named: tuple[Any, ...]) -> None:
    with refused(what=[named], where="params.yaml") as caught:
        parse_params(raw(**changes), "params.yaml")
    assert caught.value.what.startswith(named[0])


def test_a_name_that_is_no_string_is_named() -> None:
    with refused(what=1, where="params.yaml") as caught:
        parse_params({**raw(), 1: 2}, "params.yaml")
    assert caught.value.what.startswith("1")


@pytest.mark.parametrize("text", ["", "just a word", "- a\n- b"])
def test_file_without_a_mapping(write: Callable[[str], Path], text: str) -> None:
    path = write(text)
    with refused(what=[path, "mapping"], where=path, remedy="docs/parameters.md"):
        load_params(path, Environment())


def test_file_that_is_no_yaml(write: Callable[[str], Path]) -> None:
    path = write("recipe: [flights")
    with refused(what=[path, "YAML", "line 1"], where=path):
        load_params(path, Environment())


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"recipe: \xff\xfe")
    with refused(what=[path, "YAML", "0xff"], where=path):
        load_params(path, Environment())


def test_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with refused(what=tmp_path / "nope.yaml", where=Path.cwd(), remedy="--params"):
        load_params(tmp_path / "nope.yaml", Environment())


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with refused(what=[tmp_path, os.strerror(errno.EISDIR)]):
        load_params(tmp_path, Environment())


def test_environment_overrides_only_places_and_parallelism(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", "gs://bucket/prefix")
    monkeypatch.setenv("FIRELIB_WORKERS", "7")
    path = write(yaml.safe_dump(raw()))
    changed, plain = load_params(path), parse_params(raw(), "params.yaml")
    assert changed.storage.root == "gs://bucket/prefix"
    assert changed.train.workers == 7
    restored = changed.model_copy(
        update={"storage": plain.storage, "train": changed.train.model_copy(update={"workers": plain.train.workers})}
    )
    assert restored == plain


def test_empty_variables_mean_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKERS", "NUM_CPUS", "TRACKING", "STORAGE_ROOT", "RAY_ADDRESS"):
        monkeypatch.setenv(f"FIRELIB_{name}", "")
    assert load_environment() == Environment(_env_prefix="NOTHING_")  # type: ignore[call-arg]


def test_wrong_variables_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRELIB_WORKERS", "many")
    monkeypatch.setenv("FIRELIB_TRACKING", "mlflow")
    with refused(what=[("FIRELIB_WORKERS", "many"), ("FIRELIB_TRACKING", "mlflow")], where="environment"):
        load_environment()


def parsed(model: dict[str, Any]) -> Params:
    return parse_params(raw(model=model), "params.yaml")


def test_model_parameters_are_defaults_overridden_with_lr() -> None:
    defaults = {"hidden": [8], "dropout": 0.0, "bias": True}
    assert model_params(defaults, parsed({"hidden": [16, 4], "dropout": 1})) == {
        "hidden": [16, 4],
        "dropout": 1,
        "bias": True,
        "lr": 0.001,
    }


def test_wrong_model_parameters_are_all_named() -> None:
    defaults = {"hidden": [8], "dropout": 0.0, "bias": True, "name": "x", "depth": 2}
    wrong = {"hiden": [1], "hidden": [1.5], "dropout": "much", "bias": 1, "depth": 2.5, "name": 3}
    kinds = {name: type(value).__name__ for name, value in defaults.items()}
    types = [(f"model.{name}", kind, repr(wrong[name])) for name, kind in kinds.items()]
    with refused(what=[("model.hiden", "hidden"), *types], where=["params.yaml", "model"], remedy=list(defaults)):
        model_params(defaults, parsed(wrong))


def test_options_of_training_are_checked_all_at_once() -> None:
    wrong = {
        "precision": "float8",
        "clip_norm": 0.0,
        "accumulate": 0,
        "schedule": {"kind": "cosin"},
        "checkpoint": {"every_secs": 5},
        "early_stopping": {"patience": 0},
        "class_weights": {1: -1.0},
    }
    params = raw()
    names = ("precision", "clip_norm", "accumulate", "schedule.kind", "early_stopping.patience", "class_weights")
    named = [*(f"train.{name}" for name in names), ("train.checkpoint.every_secs", "every_seconds")]
    with refused(what=named, where="params.yaml"):
        parse_params({**params, "train": {**params["train"], **wrong}}, "params.yaml")


def test_class_weights_are_a_word_or_a_mapping() -> None:
    params = raw()
    for weights in (None, "balanced", {0: 1.0, 1: 3}):
        train = parse_params({**params, "train": {**params["train"], "class_weights": weights}}, "params.yaml").train
        assert train.class_weights == weights
