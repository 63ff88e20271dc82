"""Reads the results that are in the repository."""

import json
from contextlib import suppress
from pathlib import Path

from benchmarks.harness.schema import Result


def load(folder: Path) -> list[Result]:
    """Read the results in a folder, by name; those of other machines, NAME@MACHINE.json, follow the first one's.

    The `stages.json` of earlier versions is none and is passed over.

    Raises:
        FirelibError: A file is no result.
    """
    paths = sorted(folder.glob("*.json"), key=lambda path: path.stem.partition("@"))
    return [Result.read(path) for path in paths if not is_old_form(path)]


def is_old_form(path: Path) -> bool:
    """Whether a file is the `stages.json` of earlier versions: stage → figures, without cases."""
    if path.name != "stages.json":
        return False
    with suppress(json.JSONDecodeError):
        return "cases" not in json.loads(path.read_text())
    return False


def load_published(folder: Path) -> list[Result]:
    """Read the published results: the full form of each benchmark, or the short one if there is no full one."""
    full, short = load(folder), load(folder / "short")
    known = {result.name for result in full}
    return sorted([*full, *(result for result in short if result.name not in known)], key=lambda result: result.name)
