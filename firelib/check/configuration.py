"""Check params.yaml: every invalid parameter, with the line of its key."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from firelib.check.finding import Finding, from_error
from firelib.check.yaml_lines import YamlLines
from firelib.config import Environment, Params, load_environment, load_params
from firelib.config.model_params import find_problems
from firelib.config.own_sections import drop_own_sections
from firelib.config.validation_errors import explain_field, find_invalid_fields
from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError, MergeConflictError
from firelib.recipe import Recipe, TaskKind, infer_task


@dataclass(frozen=True)
class Configuration:
    """What params.yaml and the environment say.

    Attributes:
        file: The params.yaml.
        lines: Finds lines of its keys.
        raw: Its content; empty if it cannot be read.
        params: The parameters; None if they are invalid.
        environment: The environment; None if it is invalid.
    """

    file: Path
    lines: YamlLines
    raw: dict[Any, Any]
    params: Params | None
    environment: Environment | None

    def line(self, name: str) -> int | None:
        """The line of a parameter with a dotted name."""
        return self.lines.find(name.split("."))


def check_configuration(file: Path) -> tuple[Configuration, list[Finding]]:
    """Read and check a params.yaml.

    Args:
        file: The file.

    Returns:
        Its content, as far as it is valid, and what is wrong with it.
    """
    findings: list[Finding] = []
    environment = _load_environment(findings)
    raw = _read(file, findings)
    lines = YamlLines(file)
    problems = list(_check_fields(raw, file, lines)) if raw else []
    params = load_params(file, environment or Environment.model_construct()) if raw and not problems else None
    return Configuration(file, lines, raw, params, environment), [*findings, *problems]


def check_model_params(recipe: Recipe, configuration: Configuration) -> Iterator[Finding]:
    """Compare section `model` with the recipe's parameters.

    Args:
        recipe: Has the defaults.
        configuration: Content of params.yaml.
    """
    given = configuration.raw.get("model") or {}
    if not isinstance(given, dict):
        return
    known = ", ".join(sorted(recipe.parameters)) or "it has none"
    for name, what in find_problems(recipe.parameters, given):
        line = configuration.lines.find(("model", name))
        remedy = f"use the parameters of the recipe: {known}"
        yield Finding("error", "configuration", what, remedy, str(configuration.file), line, repr(given[name]))


def check_training(recipe: Recipe, configuration: Configuration) -> Iterator[Finding]:
    """Compare section `train` with the recipe and with itself.

    Args:
        recipe: Declares the label.
        configuration: Valid parameters.
    """
    assert configuration.params
    train, file = configuration.params.train, str(configuration.file)
    if train.min_workers > train.workers:
        what = f"train.min_workers is {train.min_workers}, but train.workers is {train.workers}"
        line = configuration.line("train.min_workers")
        yield Finding("warning", "configuration", what, "set min_workers to at most workers", file, line)
    weights, kind = train.class_weights, infer_task(recipe.label)
    line = configuration.line("train.class_weights")
    if weights is not None and (kind in (TaskKind.REGRESSION, TaskKind.MULTILABEL) or "int" not in recipe.label.dtype):
        what = f"train.class_weights needs an integer label of classes, got label {recipe.label.name!r} ({kind})"
        remedy = "set train.class_weights: null, or declare Feature(name, 'int64', range=(0, classes - 1)) as the label"
        yield Finding("error", "configuration", what, remedy, file, line)
    elif isinstance(weights, dict) and recipe.label.range:
        unknown = sorted(set(weights) - set(range(int(recipe.label.range[1]) + 1)))
        if unknown:
            what = f"train.class_weights names class {unknown[0]}, but the label has range {recipe.label.range}"
            yield Finding("error", "configuration", what, "name only classes of the label", file, line, str(unknown[0]))


def _load_environment(findings: list[Finding]) -> Environment | None:
    try:
        return load_environment()
    except FirelibError as error:
        findings.append(from_error(error, "configuration", None))
        return None


def _read(file: Path, findings: list[Finding]) -> dict[Any, Any]:
    try:
        return read_yaml_mapping(
            file,
            if_missing="run firelib check in the project's folder, or pass --params FILE",
            if_no_mapping="write it as docs/parameters.md describes",
        )
    except FirelibError as error:
        findings.append(from_error(error, "configuration", str(file), _find_line(error)))
        return {}


def _find_line(error: FirelibError) -> int | None:
    """Line of a mistake in the syntax. A merge conflict begins before the line at which the parser gave up."""
    if isinstance(error, MergeConflictError):
        return error.line
    mark = error.__context__.problem_mark if isinstance(error.__context__, yaml.MarkedYAMLError) else None
    return mark.line + 1 if mark else None


def _check_fields(raw: dict[Any, Any], file: Path, lines: YamlLines) -> Iterator[Finding]:
    try:
        Params.model_validate(drop_own_sections(raw, file, Params.model_fields.keys()))
    except ValidationError as error:
        for detail in find_invalid_fields(error, Params):
            what, value = explain_field(detail, Params), repr(detail["input"])
            line = lines.find(detail["loc"])
            shown = None if isinstance(detail["input"], dict) else value
            remedy = "see docs/parameters.md for every parameter"
            yield Finding("error", "configuration", what, remedy, str(file), line, shown)
