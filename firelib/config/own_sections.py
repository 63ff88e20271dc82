"""Sections of params.yaml that belong to stages of the user's own."""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError


def drop_own_sections(raw: Mapping[str, Any], file: Path, known: Set[str]) -> dict[str, Any]:
    """The content of params.yaml without the sections that only stages of the user's own read.

    A stage of dvc.yaml names them in `params`; other unknown sections stay, for they may be misspelled.

    Args:
        raw: The content.
        file: The params.yaml, beside a dvc.yaml.
        known: Names of firelib's own sections.
    """
    if raw.keys() <= known:
        return dict(raw)
    own = _named_by_stages(file) - known
    return {name: value for name, value in raw.items() if name not in own}


def _named_by_stages(file: Path) -> set[str]:
    """First parts of the parameters that stages name."""
    try:
        stages = read_yaml_mapping(file.with_name("dvc.yaml"), if_missing="", if_no_mapping="").get("stages")
    except FirelibError:  # the check of dvc.yaml explains it
        return set()
    listed = [stage.get("params") for stage in _values(stages) if isinstance(stage, dict)]
    entries = [entry for params in listed if isinstance(params, list) for entry in params]
    return {name.partition(".")[0] for entry in entries for name in _names(entry, file.name)}


def _names(entry: Any, file: str) -> list[str]:
    """Names in `- report.title` or in `- params.yaml: [report.title]`."""
    if isinstance(entry, dict):
        entry = entry.get(file)
    names = entry if isinstance(entry, list) else [entry]
    return [name for name in names if isinstance(name, str)]


def _values(stages: Any) -> list[Any]:
    return list(stages.values()) if isinstance(stages, dict) else []
