"""What a state of a project says about a model: parameters, data, sizes of the splits, metrics."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from firelib.compare.snapshot import Snapshot
from firelib.config import parse_params
from firelib.console_tables import NOTES
from firelib.errors import FirelibError, find_merge_conflict

#: Digits of a hash that are shown.
HASH_DIGITS = 10


@dataclass(frozen=True)
class Facts:
    """The facts about a model.

    Attributes:
        name: Name of the state.
        data: Description → value: hash of the recipe's file, run, hash of the dataset, versions of tables, rows of
            splits.
        params: Parameter, such as `train.lr`, → value.
        metrics: Metric → value; those of the training carry the prefix `train: `.
    """

    name: str
    data: Mapping[str, Any]
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


def read_facts(snapshot: Snapshot) -> Facts:
    """Read the facts from the files of a state.

    Raises:
        FirelibError: The state has no metrics.
    """
    metrics = _read_metrics(snapshot)
    lineage = _read_json(snapshot, f"models/{snapshot.recipe}/lineage.json") or {}
    if not metrics and not snapshot.is_model:
        raise FirelibError(
            f"{snapshot.name} has no metrics: metrics/{snapshot.recipe}/test.json is missing",
            where=snapshot.name,
            remedy="run firelib run in that state and commit metrics/, or name another recipe: --recipe",
        )
    params = read_params(snapshot, lineage)
    data = {"recipe": _hash_recipe(snapshot, params), **_read_data(snapshot, lineage)}
    return Facts(snapshot.name, data, params, metrics)


def _hash_recipe(snapshot: Snapshot, params: Mapping[str, Any]) -> str | None:
    """Hash of the recipe's file, shortened: with another recipe, metrics may be those of another task."""
    path = params.get("recipe")
    content = snapshot.read(path) if isinstance(path, str) and path.endswith(".py") else None
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS] if content is not None else None


def _read_metrics(snapshot: Snapshot) -> dict[str, float]:
    test = _read_json(snapshot, f"metrics/{snapshot.recipe}/test.json") or {}
    train = _read_json(snapshot, f"metrics/{snapshot.recipe}/train.json") or {}
    found = {**test, **{f"train: {name}": value for name, value in train.items()}}
    return {name: value for name, value in found.items() if name != NOTES and isinstance(value, int | float)}


def _read_data(snapshot: Snapshot, lineage: Mapping[str, Any]) -> dict[str, Any]:
    manifest = _read_json(snapshot, f"data/{snapshot.recipe}/tfrecords/manifest.json") or {}
    data = lineage.get("data", {})
    tables = manifest.get("tables") or data.get("tables") or {}
    digest = data.get("manifest_sha256")
    return {
        "run": data.get("run"),
        "dataset": digest and digest[:HASH_DIGITS],
        "lake.json": _find_lock_hash(snapshot, "lake.json"),
        "shards": _find_lock_hash(snapshot, "tfrecords"),
        **{f"version of {name}": version for name, version in tables.items()},
        **{f"{name} rows": split["rows"] for name, split in manifest.get("splits", {}).items()},
    }


def _find_lock_hash(snapshot: Snapshot, name: str) -> str | None:
    """Hash of an output in dvc.lock, shortened."""
    path = f"data/{snapshot.recipe}/{name}"
    for file in (f"pipelines/{snapshot.recipe}/dvc.lock", "dvc.lock"):
        stages = _parse_yaml(snapshot.read(file) or b"", file, snapshot.name).get("stages", {})
        outs = [out for stage in stages.values() for out in stage.get("outs", ())]
        for out in outs:
            if out["path"] == path:
                return str(out.get("md5", ""))[:HASH_DIGITS]
    return None


def read_params(snapshot: Snapshot, lineage: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a state, with defaults.

    Args:
        snapshot: The state.
        lineage: The lineage of its model, whose parameters count if the state is the folder of a model.

    Returns:
        Parameter, such as `train.lr`, → value.
    """
    if snapshot.is_model and lineage.get("params"):
        return flatten(_complete(lineage["params"], snapshot.name))
    for file in (f"pipelines/{snapshot.recipe}/params.yaml", "params.yaml"):
        content = snapshot.read(file)
        if content is not None:
            return flatten(_complete(_parse_yaml(content, file, snapshot.name), snapshot.name))
    return flatten(_complete(lineage.get("params", {}), snapshot.name))


def _complete(params: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Parameters with their defaults, unless they are those of another version of firelib."""
    try:
        return parse_params(params, where).model_dump(mode="json")
    except FirelibError:
        return params


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, whose names are joined with dots."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _read_json(snapshot: Snapshot, path: str) -> dict[str, Any] | None:
    content = snapshot.read(path)
    if content is None:
        return None
    try:
        value = json.loads(content)
    except ValueError:
        other = FirelibError(f"{path} is not JSON", where=snapshot.name, remedy="run firelib run again")
        raise find_merge_conflict(content, f"{path} of {snapshot.name}") or other from None
    return value if isinstance(value, dict) else None


def _parse_yaml(content: bytes, path: str, state: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(content)
    except yaml.YAMLError:
        other = FirelibError(f"{path} is not YAML", where=state, remedy="correct the file, or name another state")
        raise find_merge_conflict(content, f"{path} of {state}") or other from None
    return value if isinstance(value, dict) else {}
