"""Load a recipe by its name, module or file, and check its parts."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe.expectation import Expectation
from firelib.recipe.feature import RESERVED_COLUMNS, Feature
from firelib.recipe.locations import declaration_line, error_line
from firelib.recipe.problem import InvalidRecipeError, Problem, collect_problems
from firelib.recipe.recipe import Recipe
from firelib.recipe.source import Source
from firelib.recipe.split_rule import find_split_problems, split_columns
from firelib.recipe.task import TaskKind, count_outputs, infer_task

_PARTS = ("sources", "features", "label", "key", "transform", "build_model")
_METHODS = ("prepare", "exclude", "set_aside", "callbacks")
_OPTIONS = ("name", *_METHODS, "parameters", "classes", "expectations", "most_set_aside", "window")
_SPLIT_OPTIONS = ("split_by", "split_time", "split_column", "test_rows", "stratify_by")


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
    with collect_problems() as problems:
        module = _load_module(reference, problems)
    if problems:
        raise InvalidRecipeError(problems, reference)
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
    file = recipe_file(recipe)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None


def _recipe_from_module(module: ModuleType) -> Recipe:
    names = (*_PARTS, *_OPTIONS, *_SPLIT_OPTIONS)
    parts = {name: getattr(module, name) for name in names if hasattr(module, name)}
    members = {name: staticmethod(part) if callable(part) else part for name, part in parts.items()}
    # With its module, ray_setup finds the code of a recipe file and ships it to the workers.
    recipe: Recipe = type("ModuleRecipe", (Recipe,), {"__module__": module.__name__, **members})()
    return recipe


def recipe_file(recipe: Recipe) -> str | None:
    """The file that defines a recipe; None without a file (a notebook)."""
    return getattr(sys.modules.get(type(recipe).__module__), "__file__", None)  # on workers, there is no module


def _check_parts(recipe: Recipe, reference: str) -> None:
    cls, file = type(recipe), recipe_file(recipe)
    missing = [part for part in _PARTS if getattr(cls, part, None) in (None, getattr(Recipe, part, None))]
    if missing:
        what, remedy = f"the recipe lacks {', '.join(missing)}", "add them: see docs/recipe.md"
        raise InvalidRecipeError([Problem(what, remedy, file)], reference)
    if not hasattr(cls, "name"):
        cls.name = reference.removesuffix(".py").replace("/", ".").rpartition(".")[2]
    problems = [
        Problem(
            what, "correct the recipe: see docs/recipe.md", file, declaration_line(file, part, name) if file else None
        )
        for what, part, name in _problems(recipe)
    ]
    if problems:
        raise InvalidRecipeError(problems, reference)


#: What is wrong, the part of the recipe that declares it, and the name of the member or None.
_Described = tuple[str, str, str | None]


def _problems(recipe: Recipe) -> Iterator[_Described]:
    """Problems with the parts of a recipe, whose types Python has not checked."""
    sources, features = dict[str, object](recipe.sources), list[object](recipe.features)
    if not sources:
        yield "the recipe has no sources", "sources", None
    for name, source in sources.items():
        if not isinstance(source, Source):
            yield f"sources: expected a Source for {name!r}, got {source!r}", "sources", name
    if not features:
        yield "the recipe has no features", "features", None
    for feature in features:
        if not isinstance(feature, Feature):
            yield f"features: expected a Feature, got {feature!r}", "features", None
    yield from _name_problems(recipe, features)
    yield from _label_problems(recipe.label, recipe.classes)
    yield from _key_problems(recipe.key)
    yield from _expectation_problems(recipe.expectations, features, recipe.label)
    if not (isinstance(recipe.most_set_aside, int | float) and 0 <= recipe.most_set_aside <= 1):
        yield f"most_set_aside: expected a share from 0 to 1, got {recipe.most_set_aside!r}", "most_set_aside", None
    yield from _window_problems(recipe.window)
    yield from ((what, part, None) for part, what in find_split_problems(recipe))


def _split_columns(recipe: Recipe) -> Sequence[str]:
    return () if any(find_split_problems(recipe)) else split_columns(recipe)


def _name_problems(recipe: Recipe, features: Sequence[object]) -> Iterator[_Described]:
    names = [feature.name for feature in (*features, recipe.label) if isinstance(feature, Feature)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        what = f"features and label declare a column more than once: {', '.join(twice)}"
        yield what, "features", twice[0]
    reserved = sorted(RESERVED_COLUMNS & {*names, *recipe.key, *_split_columns(recipe)})
    if reserved:
        what = f"features, label and key use names that are reserved for firelib's own columns: {', '.join(reserved)}"
        yield what, "key" if reserved[0] in recipe.key else "features", reserved[0]


def _label_problems(label: object, classes: Sequence[str]) -> Iterator[_Described]:
    if not isinstance(label, Feature):
        yield f"label: expected a Feature, got {label!r}", "label", None
        return
    if label.nullable:
        yield "the label is nullable: exclude rows without a label instead (Recipe.exclude)", "label", None
    try:
        kind, outputs = infer_task(label), count_outputs(label)
    except FirelibError as error:
        yield f"label: {error.what}: {error.remedy}", "label", None
        return
    if classes and (kind is TaskKind.REGRESSION or len(classes) != outputs[-1]):
        last = len(classes) - 1
        what = (
            f"{len(classes)} classes require a label with range (0, {last}), or bools of shape ({len(classes)},), got "
            f"{label.dtype} with range {label.range} and shape {label.shape}"
        )
        yield what, "classes", None


def _expectation_problems(
    expectations: Sequence[object], features: Sequence[object], label: object
) -> Iterator[_Described]:
    declared = {feature.name: feature for feature in features if isinstance(feature, Feature)}
    target = label.name if isinstance(label, Feature) else None
    for each in expectations:
        if not isinstance(each, Expectation):
            yield f"expectations: expected an Expectation, got {each!r}", "expectations", None
            continue
        feature = declared.get(each.feature)
        is_text = feature is not None and feature.dtype in ("string", "bytes")
        if each.feature == target:
            if each != Expectation(target, psi=each.psi or 0.0, on_failure=each.on_failure):
                yield f"expectations: {target!r} is the label, of which only psi is known", "expectations", target
        elif feature is None:
            yield f"expectations: no feature is named {each.feature!r}", "expectations", each.feature
        elif (is_text and (each.mean or each.std)) or (each.distinct and feature.dtype != "string"):
            what = "numbers have a mean and a std, strings have distinct values"
            yield f"expectations: {each.feature!r} has dtype {feature.dtype}: {what}", "expectations", each.feature


def _key_problems(key: object) -> Iterator[_Described]:
    if isinstance(key, str):
        yield f"key: expected a sequence such as ({key!r},), got {key!r}", "key", None
    elif not key:
        yield "the key is empty: it must name the columns that identify a row", "key", None


def _window_problems(window: object) -> Iterator[_Described]:
    if window is not None and (isinstance(window, bool) or not isinstance(window, int) or window < 0):
        yield f"window: expected a number of commits from 0, or None, got {window!r}", "window", None


def _load_module(reference: str, problems: Sequence[Problem]) -> ModuleType:
    if reference.endswith(".py"):
        return _load_file(Path(reference), problems)
    if not all(part.isidentifier() for part in reference.split(".")):
        raise _unknown_recipe(reference)
    name = reference if "." in reference else f"firelib.recipes.{reference}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise _explain_load_error(error, _module_file(name) or name) from error
        raise _unknown_recipe(reference) from None
    except Exception as error:
        if problems:  # an invalid declaration may be the cause
            raise InvalidRecipeError(problems, reference) from error
        raise _explain_load_error(error, _module_file(name) or name) from error


def _module_file(name: str) -> str | None:
    """The file of a module that cannot be imported."""
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(name)
        return spec.origin if spec else None
    return None


def _unknown_recipe(reference: str) -> FirelibError:
    shipped = [path.stem for path in (Path(__file__).parents[1] / "recipes").glob("[!_]*.py")]
    return FirelibError(
        f"unknown recipe {reference!r}",
        where="params.yaml: recipe",
        remedy=f"{did_you_mean(reference, shipped)} (or package.module, or path/to/recipe.py)",
    )


def _load_file(path: Path, problems: Sequence[Problem]) -> ModuleType:
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
        if problems:  # an invalid declaration may be the cause
            raise InvalidRecipeError(problems, str(path)) from error
        raise _explain_load_error(error, str(spec.origin)) from error
    if problems:
        del sys.modules[name]
    return module


def _explain_load_error(error: Exception, file: str) -> FirelibError:
    """An error of the recipe's own code while it was loaded, with the line of the recipe."""
    if isinstance(error, FirelibError):
        return error
    line = error_line(error, file)
    if isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno
        what, remedy = f"not Python: {error.msg}", "correct the file"
    elif isinstance(error, ModuleNotFoundError):
        what, remedy = f"{type(error).__name__}: {error}", _install(str(error.name), Path(file))
    else:
        what, remedy = f"{type(error).__name__}: {error}", _suspect_module(error, Path(file)) or "correct the recipe"
    return InvalidRecipeError([Problem(what, remedy, file, line)], file)


def _install(module: str, recipe: Path) -> str:
    """How to make a module importable: install it; or move the code, if it is a file of the project."""
    name = module.partition(".")[0]
    return suggest_move(module, recipe) or f"install the module (uv add {name}, pip install {name})"


def suggest_move(module: str, recipe: Path) -> str | None:
    """What to do about a module that cannot be imported because it is a file or folder beside the recipe.

    Args:
        module: The module.
        recipe: The recipe's file.

    Returns:
        None if there is no such file.
    """
    name = module.partition(".")[0]
    beside = next((path for path in (recipe.with_name(f"{name}.py"), recipe.with_name(name)) if path.exists()), None)
    if beside is None:
        return None
    return (
        f"move the code of {beside.name} into the recipe, which is one file so that a change of it makes another run; "
        "or put the code into a package of its own and install that"
    )


def _suspect_module(error: Exception, recipe: Path) -> str | None:
    """Name a file of the project that hides a module of the standard library, if the error speaks of a module."""
    hidden = find_hidden_modules(recipe.parent)
    if hidden and isinstance(error, AttributeError | ImportError):
        return f"rename {', '.join(hidden)}: a file with the name of a module of Python hides that module"
    return None


def refuse_hidden_modules(project: Path) -> None:
    """Refuse a project whose files hide modules of Python: jobs and Ray's workers look into its folder first.

    Args:
        project: The project's folder.

    Raises:
        FirelibError: Files have such names; the error names all of them.
    """
    if hidden := find_hidden_modules(project):
        raise FirelibError(
            f"files of the project have names of modules of Python: {', '.join(hidden)}",
            where=str(project),
            remedy="rename them: in jobs and in Ray's workers, libraries would import them instead of Python's modules",
        )


def find_hidden_modules(*folders: Path) -> list[str]:
    """Files and packages in some folders that have the name of a module of Python's standard library.

    Where the folder is on Python's path, they hide that module from every library.
    """
    modules = [
        *(path for folder in folders for path in folder.glob("*.py")),
        *(path.parent for folder in folders for path in folder.glob("*/__init__.py")),
    ]
    return [path.name for path in sorted(set(modules)) if path.stem in sys.stdlib_module_names]
