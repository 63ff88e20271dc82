"""Imports the benchmarks that belong to this firelib: they are in its repository, not in its package."""

import importlib
import sys
from pathlib import Path
from typing import Any

import firelib
from firelib.errors import FirelibError


def import_benchmarks(module: str) -> Any:
    """Import a module of the checkout's package `benchmarks`.

    Args:
        module: Its name, such as `benchmarks.questions`.

    Raises:
        FirelibError: firelib is installed without its repository.
    """
    root = Path(firelib.__file__).parents[1]
    if not (root / "benchmarks" / "questions.py").is_file():
        raise FirelibError(
            "firelib bench: expected a checkout of firelib, got an installed package, which has no benchmarks",
            where=str(root),
            remedy="clone firelib's repository, and run make bench in it",
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return importlib.import_module(module)
