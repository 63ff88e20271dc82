"""Checks of the Python version and the installed packages against the project's lock."""

import platform
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from firelib.doctor.finding import Finding
from firelib.extras import EXTRAS, find_missing, install_command

#: Optional packages that Ray installs anyway.
_WITH_RAY = {"requests"}


def check_python(project: Path) -> Finding:
    """Check the running Python against the project's `requires-python`."""
    installed, required = platform.python_version(), _requires_python(project)
    try:
        fits = SpecifierSet(required).contains(installed, prereleases=True)
    except InvalidSpecifier:
        return Finding("Python", "warning", f"requires-python is {required!r}", "correct it in pyproject.toml")
    if fits:
        return Finding("Python", "ok", f"{installed} ({required})")
    remedy = f"uv venv --python '{required}' && uv sync"
    return Finding("Python", "error", f"expected {required}, got {installed}", remedy)


def _requires_python(project: Path) -> str:
    table = _read_toml(project / "pyproject.toml").get("project", {})
    if "requires-python" in table:
        return str(table["requires-python"])
    try:
        return metadata.metadata("firelib")["Requires-Python"]
    except (metadata.PackageNotFoundError, KeyError):
        return ""


def _read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; a missing or invalid file reads as empty."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def check_packages(project: Path) -> Iterator[Finding]:
    """Check the installed packages against uv.lock; Ray separately, since all nodes need the same version."""
    locked = read_locked_versions(project)
    if not locked and (project / "uv.lock").exists():
        detail = f"{project / 'uv.lock'} is unreadable"
        yield Finding("packages", "warning", detail, "write it again: uv lock")
    yield _check_ray(locked.pop("ray", frozenset()))
    pairs = {name: (versions, installed_version(name)) for name, versions in locked.items()}
    skewed = [
        f"{name} {installed} (locked: {', '.join(sorted(versions))})"
        for name, (versions, installed) in sorted(pairs.items())
        if installed and installed not in versions
    ]
    if skewed:
        yield Finding("packages", "warning", "; ".join(skewed), "install the locked versions: uv sync (or make setup)")
    elif locked:
        count = sum(installed is not None for _, installed in pairs.values())
        yield Finding("packages", "ok", f"{count} installed packages match uv.lock")


def _check_ray(locked: frozenset[str]) -> Finding:
    installed = installed_version("ray")
    if installed is None:
        return Finding("Ray", "error", "not installed", "uv sync (or make setup)")
    if locked and installed not in locked:
        detail = f"expected {', '.join(sorted(locked))} (uv.lock), got {installed}"
        return Finding("Ray", "error", detail, "uv sync, on every node of the cluster")
    return Finding("Ray", "ok", installed)


def read_locked_versions(project: Path) -> dict[str, frozenset[str]]:
    """Map each registry package in uv.lock to its versions; it has several where they depend on Python's version."""
    versions = defaultdict(set)
    for package in _read_toml(project / "uv.lock").get("package", []):
        if "version" in package and "registry" in package.get("source", {"registry": ""}):
            versions[str(package["name"])].add(str(package["version"]))
    return {name: frozenset(numbers) for name, numbers in versions.items()}


def check_extras() -> Iterator[Finding]:
    """List the extras that are installed, and those that are missing in whole or in part, with their purpose."""
    missing = {name: find_missing(extra.modules) for name, extra in EXTRAS.items()}
    whole = [name for name, modules in missing.items() if not modules]
    absent = [name for name, modules in missing.items() if modules and _own_modules(name) <= set(modules)]
    yield Finding("extras", "ok", f"installed: {', '.join(whole) or 'none'}")
    if absent:
        purposes = "; ".join(f"{name} ({EXTRAS[name].purpose})" for name in absent)
        yield Finding("extras: not installed", "ok", f"{purposes}; add one with {install_command(['NAME'])}")
    for name in missing:
        if name not in whole and name not in absent:
            detail = f"{name} ({EXTRAS[name].purpose}) lacks {', '.join(missing[name])}"
            yield Finding(f"extra {name}", "warning", detail, install_command([name]))


def _own_modules(name: str) -> set[str]:
    """Modules that only this extra installs: no other extra, and not Ray."""
    shared = {module for other, extra in EXTRAS.items() if other != name for module in extra.modules}
    return set(EXTRAS[name].modules) - shared - _WITH_RAY


def installed_version(name: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
