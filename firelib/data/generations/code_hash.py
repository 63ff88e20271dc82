"""A hash of the code that decides what a dataset holds: the recipe's file, and the project's modules it imports."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.machinery import ModuleSpec
from itertools import accumulate
from pathlib import Path

from firelib.recipe import Recipe, recipe_file

_FIRELIB = Path(__file__).parents[2]
#: Parts of firelib that make rows, shards and statistics.
_ENGINE = ("data", "recipe", "tfrecord/format", "tfrecord/kernels", "tfrecord/write")
_LIBRARIES = ("dask", "deltalake", "numpy", "pandas", "pyarrow")


def hash_code(recipe: Recipe) -> str | None:
    """SHA-256 of the recipe's code and of the code that runs it, in hex.

    Args:
        recipe: The recipe.

    Returns:
        None if the recipe has no file (a notebook): then nobody can tell whether it has changed.
    """
    file = recipe_file(recipe)
    if file is None:
        return None
    digest = hashlib.sha256(_hash_engine().encode())
    digest.update(f"{type(recipe).__module__}.{type(recipe).__qualname__}".encode())
    package = getattr(sys.modules.get(type(recipe).__module__), "__package__", None) or ""
    for path in list_project_code(Path(file), package):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def list_project_code(file: Path, package: str = "") -> list[Path]:
    """The recipe's file and the files it imports, directly or not, without those of libraries and of firelib.

    Imports inside of functions count, and so do the packages that Python imports with a module. Modules that are
    imported by a computed name are not found.

    Args:
        file: The recipe's file.
        package: The package that it belongs to, for its relative imports.
    """
    found: dict[Path, None] = {}
    pending = [(file.resolve(), package)]
    while pending:
        path, parent = pending.pop()
        if path in found:
            continue
        found[path] = None
        names = dict.fromkeys([parent, *_list_imports(path, parent)])
        pending += [module for name in names for module in _find_modules(name)]
    return sorted(found)


def _list_imports(path: Path, package: str) -> Iterator[str]:
    """Names of all modules that a file may import: of `from a import b`, both `a` and `a.b`."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # of a module that the recipe never imports, or that is compiled
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*parents, node.module or ""]))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _find_modules(name: str) -> Iterator[tuple[Path, str]]:
    """The file and the package of a module of the project, and of the packages it is in; nothing for libraries.

    To find a module, Python imports its packages. Those of libraries, such as TensorFlow, would take seconds.
    """
    if not name or name.partition(".")[0] in (*sys.stdlib_module_names, "firelib"):
        return
    for part in accumulate(name.split("."), "{}.{}".format):
        spec = None
        with suppress(Exception):  # a package of the project, which this imports, may fail with any
            spec = importlib.util.find_spec(part)
        if spec is None or _is_library(spec):
            return
        if spec.origin is not None:
            yield Path(spec.origin).resolve(), spec.parent or ""


def _is_library(spec: ModuleSpec) -> bool:
    """Whether a module, or a package without a file, is outside of the project."""
    found = [spec.origin] if spec.has_location and spec.origin else [*(spec.submodule_search_locations or ())]
    paths = [Path(each).resolve() for each in found]
    return not paths or any(path.is_relative_to(folder) for path in paths for folder in _library_folders())


@cache
def _library_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    folders = [paths["purelib"], paths["platlib"], paths["stdlib"], site.getusersitepackages()]
    return tuple(Path(folder).resolve() for folder in folders)


@cache
def _hash_engine() -> str:
    """Hash of firelib's own modules that make datasets, and of the versions of the libraries below."""
    files = sorted(path for part in _ENGINE for path in (_FIRELIB / part).rglob("*.py"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(_FIRELIB).as_posix().encode() + b"\0" + path.read_bytes())
    for name in _LIBRARIES:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    return digest.hexdigest()
