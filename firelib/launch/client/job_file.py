"""Jobs that are described in a YAML file."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from firelib.config import read_yaml_mapping
from firelib.errors import did_you_mean
from firelib.launch.job_spec import JobSpec, refuse

#: The key of the backend's name, and that of the fields that only one stage of `firelib run` has.
BACKEND, STAGES = "to", "stages"
_GENERATED = ("job_id", "project")
_KEYS = (BACKEND, STAGES, *(field.name for field in fields(JobSpec) if field.name not in _GENERATED))
_REMEDY = "see 'Describe a job in a file' in docs/submit.md"


def read_job_file(path: Path) -> dict[str, Any]:
    """Read the description of a job.

    Args:
        path: A YAML file whose keys are `to` (the backend), `stages` (fields of single stages of `firelib run`) and the
            fields of `JobSpec`.

    Returns:
        Field → value, not checked yet; keys without a value are left out.

    Raises:
        FirelibError: The file cannot be read, is not a YAML mapping, or has unknown keys (the error names all of them).
    """
    raw = read_yaml_mapping(path, if_missing="check the path after --file", if_no_mapping=_REMEDY)
    problems = [_explain_key(key) for key in raw if key not in _KEYS]
    refuse([*problems, *_find_stage_problems(raw.get(STAGES) or {})], where=str(path), remedy=_REMEDY)
    return {key: value for key, value in raw.items() if value is not None}


def _explain_key(key: object) -> str:
    if key in _GENERATED:
        return f"{key}: cannot be set in a file, firelib submit sets it"
    return f"{key} is unknown: {did_you_mean(str(key), _KEYS)}"


def _find_stage_problems(stages: Any) -> Iterator[str]:
    if not isinstance(stages, Mapping):
        yield f"{STAGES}: expected stage → fields, got {stages!r}"
        return
    for stage, described in stages.items():
        if not isinstance(described, Mapping):
            yield f"{STAGES}.{stage}: expected field → value, got {described!r}"


def merge_fields(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two descriptions of a job.

    Args:
        base: Field → value.
        override: Field → value that takes precedence; None and empty mappings count as not given.

    Returns:
        All fields; values that are mappings on both sides are merged key by key.

    Example:
        >>> merge_fields({"replicas": {"count": 2, "restarts": 1}}, {"replicas": {"count": 3}, "image": None})
        {'replicas': {'count': 3, 'restarts': 1}}
    """
    merged = dict(base)
    for name, value in override.items():
        if isinstance(value, Mapping):
            below = merged.get(name)
            given = merge_fields(below if isinstance(below, Mapping) else {}, value)
            merged.update({name: given} if given else {})
        elif value is not None:
            merged[name] = value
    return merged
