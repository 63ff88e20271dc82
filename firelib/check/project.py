"""Both parts of the check."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from firelib.check.description import Description, check_description, explain_obstacle, has_valid_rows
from firelib.check.finding import Finding


@dataclass(frozen=True)
class CheckedProject:
    """Result of a check.

    Attributes:
        findings: What is wrong.
        scope: What was checked, in words.
        seconds: Duration.
    """

    findings: Sequence[Finding]
    scope: str
    seconds: float


def check_project(
    params: Path, with_model: bool = True, others: Sequence[Callable[[Description], Iterable[Finding]]] = ()
) -> CheckedProject:
    """Check a project.

    Args:
        params: Its params.yaml.
        with_model: Whether to build the model, too. Without it, neither TensorFlow nor Keras is imported.
        others: More checks, of what this package does not know.
    """
    description = check_description(params)
    findings = [*description.findings, *(finding for other in others for finding in other(description))]
    scope, seconds = [_describe_rows(description)], description.seconds
    if with_model:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one step needs no GPU, and would take all its memory
        if obstacle := explain_obstacle(description):
            scope.append(f"the model is not checked, because {obstacle}")
        else:
            from firelib.check.model.check_model import check_model

            model = check_model(description)
            findings += model.findings
            seconds += model.seconds
            if model.parameters is not None:
                untried = (
                    "" if has_valid_rows(description) else ", which is not trained, because there are no valid rows"
                )
                scope.append(f"a model of {model.parameters:,} parameters{untried}")
    return CheckedProject(findings, "; ".join(filter(None, scope)), seconds)


def _describe_rows(description: Description) -> str:
    rows = description.checked.valid if description.checked else None
    if description.recipe is None:
        return "params.yaml and the recipe"
    return f"recipe {description.recipe.name!r}" + (f", {rows.num_rows:,} rows" if rows is not None else "")
