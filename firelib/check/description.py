"""Part one of the check: configuration, recipe and first rows. It imports neither Ray nor TensorFlow."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from firelib import storage
from firelib.check.configuration import Configuration, check_configuration, check_model_params, check_training
from firelib.check.data_section.copies import check_copies
from firelib.check.data_section.splits import check_splits
from firelib.check.finding import Finding, Severity, from_error, has_errors
from firelib.check.labels import check_class_names, check_label_values
from firelib.check.leaks import check_leaks
from firelib.check.prepare import check_prepare
from firelib.check.record_size import check_record_size
from firelib.check.rows import CheckedRows, check_rows
from firelib.check.sample import transform_sample
from firelib.check.sources import check_sources
from firelib.check.surroundings import check_surroundings
from firelib.config import Environment
from firelib.console import Advance, progress
from firelib.errors import FirelibError
from firelib.project_layout import Paths, find_project
from firelib.recipe import InvalidRecipeError, Recipe, load_recipe, recipe_file
from firelib.recipe.locations import declaration_line
from firelib.tfrecord.format.fixed_layout import validate_features


@dataclass
class Description:
    """What part one knows of a project.

    Attributes:
        configuration: Content of params.yaml.
        recipe: The recipe; None if it cannot be loaded.
        file: The recipe's file, if it has one.
        checked: The first rows; None if they were not checked, or not all sources can be read.
        findings: What is wrong.
        seconds: Duration.
    """

    configuration: Configuration
    recipe: Recipe | None = None
    file: str | None = None
    checked: CheckedRows | None = None
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def paths(self) -> Paths:
        """Paths of the recipe's files; of the folder `storage` where the storage root is invalid."""
        assert self.recipe
        folder, params = find_project(self.configuration.file), self.configuration.params
        root = params.storage.root if params else "storage"
        sources = (self.configuration.environment or Environment.model_construct()).sources
        return Paths(self.recipe.name, storage.absolute(root, folder), folder, sources and sources.absolute())


def check_description(params: Path, with_rows: bool = True, sources: Severity = "error") -> Description:
    """Check everything that needs no model.

    Args:
        params: The params.yaml.
        with_rows: Whether to read the first rows of the sources.
        sources: Severity of a source that cannot be read here: stages may run where it can be.

    Returns:
        All findings, and what the check of the model needs.
    """
    begun = time.perf_counter()
    configuration, findings = check_configuration(params)
    found = Description(configuration, findings=findings)
    with progress("check", None) as advance:
        advance(0, note="the recipe")
        _check_recipe(found)
        if found.recipe and with_rows:
            _check_rows(found, found.recipe, sources, advance)
    found.seconds = time.perf_counter() - begun
    return found


def explain_obstacle(description: Description) -> str | None:
    """Why the model cannot be checked; None if it can."""
    if description.configuration.params is None:
        return "params.yaml is not valid"
    if description.recipe is None:
        return "the recipe cannot be loaded"
    if any(finding.what.startswith("model.") for finding in description.findings):
        return "section model of params.yaml is not valid"
    # A mistake in transform hides no mistake in the model; without one, declarations alone shall not cause an error.
    return None if has_valid_rows(description) or has_errors(description.findings) else "there are no valid rows"


def has_valid_rows(description: Description) -> bool:
    """Whether the model can be tried with rows."""
    checked = description.checked
    return checked is not None and checked.valid is not None and checked.valid.num_rows > 0


def _check_recipe(found: Description) -> None:
    configuration, reference = found.configuration, found.configuration.raw.get("recipe")
    project = find_project(configuration.file)
    if isinstance(reference, str):
        try:
            found.recipe = load_recipe(reference)
        except FirelibError as error:
            found.findings += _explain_recipe(error, reference, configuration)
    if found.recipe:
        found.file = _own_file(recipe_file(found.recipe))
        found.findings += check_model_params(found.recipe, configuration)
        found.findings += _check_record(found.recipe, found.file)
    if configuration.params:
        found.findings += check_surroundings(configuration, project, found.file)
    if configuration.params and found.recipe:
        found.findings += check_training(found.recipe, configuration)


def _check_record(recipe: Recipe, file: str | None) -> Iterable[Finding]:
    """Check that one record can hold the features."""
    try:
        validate_features([*recipe.features, recipe.label])
    except FirelibError as error:
        yield from_error(error, "recipe", file, declaration_line(file, "features") if file else None)


def _explain_recipe(error: FirelibError, reference: str, configuration: Configuration) -> Iterable[Finding]:
    if isinstance(error, InvalidRecipeError):
        file = reference if reference.endswith(".py") else None
        for problem in error.problems:
            yield Finding("error", "recipe", problem.what, problem.remedy, problem.file or file, problem.line)
        return
    is_unknown = "params.yaml" in str(error.where)
    line = configuration.line("recipe") if is_unknown else None
    yield from_error(error, "recipe", str(configuration.file) if is_unknown else reference, line)


def _check_rows(found: Description, recipe: Recipe, severity: Severity, advance: Advance) -> None:
    configuration, file = found.configuration, found.file
    preview = check_sources(recipe, file, found.paths, advance, severity)
    found.findings += preview.findings
    if preview.tables.keys() != recipe.sources.keys():
        return
    advance(0, note="transform of the first rows")
    sample, problems = transform_sample(recipe, file, preview)
    found.findings += problems
    if sample is None:
        return
    found.checked = check_rows(recipe, file, sample)
    found.findings += check_class_names(preview, recipe, file)
    found.findings += found.checked.findings
    params = configuration.params
    is_weighted = params is not None and params.train.class_weights is not None
    found.findings += check_label_values(found.checked, recipe, file, is_weighted)
    found.findings += check_leaks(found.checked, recipe, file)
    found.findings += check_prepare(recipe, file, preview)
    found.findings += check_record_size(found.checked, recipe, file)
    if params:
        found.findings += check_splits(found.checked, recipe, file, configuration)
        found.findings += check_copies(recipe, file, preview, configuration)


def _own_file(file: str | None) -> str | None:
    return str(Path(file).absolute()) if file else None
