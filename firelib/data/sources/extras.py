"""Packages of optional extras, imported on use."""

import importlib
from typing import Any

from firelib.extras import require_modules


def import_extra(module: str, extra: str, where: str) -> Any:
    """Import a module of an extra.

    Args:
        module: Name of the module.
        extra: The extra of firelib that installs it.
        where: What needs it, for the error.

    Raises:
        FirelibError: The module is not installed.

    Example:
        >>> import_extra("json", "sql", "a test").__name__
        'json'
    """
    require_extra(module, extra, where)
    return importlib.import_module(module)


def require_extra(module: str, extra: str, where: str) -> None:
    """Refuse to go on without a module of an extra; imports nothing but the packages that hold it.

    Args:
        module: Name of the module.
        extra: The extra of firelib that installs it.
        where: What needs it, for the error.

    Raises:
        FirelibError: The module is not installed.
    """
    require_modules({extra: [module]}, where, where)
