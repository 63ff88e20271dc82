"""Load a recipe by its name, module or file, and check its parts."""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe.feature import RESERVED_COLUMNS, Feature
from firelib.recipe.recipe import Recipe
from firelib.recipe.source import Source
from firelib.recipe.task import TaskKind, count_outputs, infer_task

_PARTS = ("sources", "features", "label", "key", "transform", "build_model")


def load_recipe(reference: str) -> Recipe:
    """The recipe with a name, in a module or in a file.

    Args:
        reference: A recipe that ships with firelib (`flights`), a module (`package.module`), or a file
            (`recipes/mine.py`).

    Raises:
        FirelibError: The recipe does not exist, or parts are missing or invalid (the error names all of them).

    Example:
        >>> from firelib.recipe import load_recipe
        >>> load_recipe("flights").label.name
        'late'
    """
    module = _load_module(reference)
    owned = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Recipe) and value.__module__ == module.__name__
    ]
    if len(owned) > 1:
        names = ", ".join(cls.__name__ for cls in owned)
        raise FirelibError(
            f"expected 1 recipe in the module, got {len(owned)}: {names}",
            where=reference,
            remedy="put each recipe into a module of its own",
        )
    recipe = owned[0]() if owned else _recipe_from_module(module)
    _check_parts(recipe, reference)
    return recipe


def code_sha256(recipe: Recipe) -> str | None:
    """SHA-256 of the file that defines a recipe, in hex; None without a file (a notebook)."""
    file = getattr(sys.modules[type(recipe).__module__], "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None


def _recipe_from_module(module: ModuleType) -> Recipe:
    names = (*_PARTS, "name", "exclude", "callbacks", "parameters", "test_rows", "classes")
    parts = {name: getattr(module, name) for name in names if hasattr(module, name)}
    members = {name: staticmethod(part) if callable(part) else part for name, part in parts.items()}
    # With its module, ray_setup finds the code of a recipe file and ships it to the workers.
    recipe: Recipe = type("ModuleRecipe", (Recipe,), {"__module__": module.__name__, **members})()
    return recipe


def _check_parts(recipe: Recipe, reference: str) -> None:
    cls = type(recipe)
    missing = [part for part in _PARTS if getattr(cls, part, None) in (None, getattr(Recipe, part, None))]
    if missing:
        raise FirelibError(
            f"the recipe lacks {', '.join(missing)}", where=reference, remedy="add them: see docs/recipe.md"
        )
    if not hasattr(cls, "name"):
        cls.name = reference.removesuffix(".py").replace("/", ".").rpartition(".")[2]
    problems = list(_problems(recipe))
    if problems:
        raise FirelibError("\n".join(problems), where=reference, remedy="correct the recipe: see docs/recipe.md")


def _problems(recipe: Recipe) -> Iterator[str]:
    """Problems with the parts of a recipe, whose types Python has not checked."""
    sources, features = dict[str, object](recipe.sources), list[object](recipe.features)
    if not sources:
        yield "the recipe has no sources"
    for name, source in sources.items():
        if not isinstance(source, Source):
            yield f"sources: expected a Source for {name!r}, got {source!r}"
    if not features:
        yield "the recipe has no features"
    for feature in features:
        if not isinstance(feature, Feature):
            yield f"features: expected a Feature, got {feature!r}"
    names = [feature.name for feature in (*features, recipe.label) if isinstance(feature, Feature)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"features and label declare a column more than once: {', '.join(twice)}"
    reserved = sorted(RESERVED_COLUMNS & {*names, *recipe.key, recipe.test_rows})
    if reserved:
        yield f"features, label and key use names that are reserved for firelib's own columns: {', '.join(reserved)}"
    yield from _label_problems(recipe.label, recipe.classes)
    yield from _key_problems(recipe.key)


def _label_problems(label: object, classes: Sequence[str]) -> Iterator[str]:
    if not isinstance(label, Feature):
        yield f"label: expected a Feature, got {label!r}"
        return
    if label.nullable:
        yield "the label is nullable: exclude rows without a label instead (Recipe.exclude)"
    try:
        kind, outputs = infer_task(label), count_outputs(label)
    except FirelibError as error:
        yield f"label: {error.what}: {error.remedy}"
        return
    if classes and (kind is TaskKind.REGRESSION or len(classes) != outputs[-1]):
        last = len(classes) - 1
        yield (
            f"{len(classes)} classes require a label with range (0, {last}), or bools of shape ({len(classes)},), got "
            f"{label.dtype} with range {label.range} and shape {label.shape}"
        )


def _key_problems(key: object) -> Iterator[str]:
    if isinstance(key, str):
        yield f"key: expected a sequence such as ({key!r},), got {key!r}"
    elif not key:
        yield "the key is empty: it must name the columns that identify a row"


def _load_module(reference: str) -> ModuleType:
    if reference.endswith(".py"):
        return _load_file(Path(reference))
    if not all(part.isidentifier() for part in reference.split(".")):
        raise _unknown_recipe(reference)
    name = reference if "." in reference else f"firelib.recipes.{reference}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise _unknown_recipe(reference) from None


def _unknown_recipe(reference: str) -> FirelibError:
    shipped = [path.stem for path in (Path(__file__).parents[1] / "recipes").glob("[!_]*.py")]
    return FirelibError(
        f"unknown recipe {reference!r}",
        where="params.yaml: recipe",
        remedy=f"{did_you_mean(reference, shipped)} (or package.module, or path/to/recipe.py)",
    )


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FirelibError(
            f"the recipe file {path} does not exist", where="params.yaml: recipe", remedy="check the path"
        )
    name = f"firelib_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _explain_load_error(error, path) from error
    return module


def _explain_load_error(error: Exception, path: Path) -> FirelibError:
    """An error of the recipe's own code while it was loaded, with the line of the recipe."""
    if isinstance(error, FirelibError):
        return error
    if isinstance(error, SyntaxError):
        return FirelibError(
            f"not Python: {error.msg}", where=f"{path}, line {error.lineno}", remedy="correct the recipe"
        )
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    remedy = (
        "install the module (uv add, pip install)" if isinstance(error, ModuleNotFoundError) else "correct the recipe"
    )
    return FirelibError(
        f"{type(error).__name__}: {error}", where=f"{path}, line {lines[-1] if lines else '?'}", remedy=remedy
    )
