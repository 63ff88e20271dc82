from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.config import Environment, Params, load_environment, load_params, model_params, parse_params
from firelib.errors import FirelibError

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
    with pytest.raises(FirelibError) as caught:
        parse_params(wrong, "params.yaml")
    text = str(caught.value)
    assert "recipe is missing" in text
    assert "train.epochs is missing" in text
    assert "train.epocs is unknown: did you mean 'epochs'?" in text
    assert "train.workers: " in text
    assert "got 0" in text
    assert "train.lr: " in text
    assert "got 'fast'" in text
    assert "data.shard_mib: " in text
    assert "where:  params.yaml" in text
    assert "remedy:" in text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train__workers": 1.5}, "train.workers"),
        ({"train__workers": True}, "train.workers"),
        ({"train__seed": 2**31}, "train.seed"),
        ({"train__lr": float("nan")}, "train.lr"),
        ({"train__lr": float("inf")}, "train.lr"),
        ({"data__version": -1}, "data.version"),
        ({"data__version": "5"}, "data.version"),
        ({"data__split__test": 0.3}, "data.split: train + validation + test is 1.2, not 1"),
        ({"data__split": 3}, "data.split"),
        ({"storage__root": ""}, "storage.root"),
        ({"recipe": 7}, "recipe"),
        ({"model": [1]}, "model"),
        ({"model": {5: 1}}, "model.5"),
        ({"tracking": "wandb"}, "tracking is unknown"),
    ],
)
def test_wrong_value_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FirelibError) as caught:
        parse_params(raw(**changes), "params.yaml")
    assert str(caught.value).startswith(named)


def test_a_name_that_is_no_string_is_named() -> None:
    with pytest.raises(FirelibError, match=r"^1: .*string"):
        parse_params({**raw(), 1: 2}, "params.yaml")


@pytest.mark.parametrize("text", ["", "just a word", "- a\n- b"])
def test_file_without_a_mapping(write: Callable[[str], Path], text: str) -> None:
    with pytest.raises(FirelibError, match="holds no mapping"):
        load_params(write(text), Environment())


def test_file_that_is_no_yaml(write: Callable[[str], Path]) -> None:
    with pytest.raises(FirelibError, match="is not YAML"):
        load_params(write("recipe: [flights"), Environment())


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"recipe: \xff\xfe")
    with pytest.raises(FirelibError, match="is not YAML"):
        load_params(path, Environment())


def test_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FirelibError, match=r"there is no .*nope\.yaml"):
        load_params(tmp_path / "nope.yaml", Environment())


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(FirelibError, match="cannot read"):
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
    with pytest.raises(FirelibError) as caught:
        load_environment()
    text = str(caught.value)
    assert "FIRELIB_WORKERS: " in text
    assert "got 'many'" in text
    assert "FIRELIB_TRACKING: " in text


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
    with pytest.raises(FirelibError) as caught:
        model_params(defaults, parsed(wrong))
    text = str(caught.value)
    assert "model.hiden is unknown: did you mean 'hidden'?" in text
    for name in ("hidden", "dropout", "bias", "depth", "name"):
        assert f"model.{name}: should be of type" in text


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
    with pytest.raises(FirelibError) as caught:
        parse_params({**params, "train": {**params["train"], **wrong}}, "params.yaml")
    for name in ("precision", "clip_norm", "accumulate", "schedule.kind", "early_stopping.patience", "class_weights"):
        assert f"train.{name}" in str(caught.value)
    assert "train.checkpoint.every_secs is unknown: did you mean 'every_seconds'?" in str(caught.value)


def test_class_weights_are_a_word_or_a_mapping() -> None:
    params = raw()
    for weights in (None, "balanced", {0: 1.0, 1: 3}):
        train = parse_params({**params, "train": {**params["train"], "class_weights": weights}}, "params.yaml").train
        assert train.class_weights == weights
