"""Sources inside an installed package: `pkg://package/path`."""

import importlib.util
from pathlib import Path

from firelib.errors import FirelibError
from firelib.recipe import Source


def find_package_file(source: Source, downloads: Path) -> Path:  # noqa: ARG001  every fetcher takes both
    """The path of a file inside an installed package. The package is not imported: its code may not run here.

    Args:
        source: A `pkg://package/path` URI.
        downloads: Not used: the file stays where it is.

    Raises:
        FirelibError: The package is not installed.
    """
    return find_in_package(str(source))


def find_in_package(uri: str) -> Path:
    """The path of a file, folder or pattern inside an installed package.

    Raises:
        FirelibError: The package is not installed.
    """
    package, _, inside = uri.removeprefix("pkg://").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FirelibError(
            f"the package {package!r} is not installed",
            where=f"source {uri}",
            remedy=f"uv add {package} (or pip install {package})",
        )
    return Path(next(iter(spec.submodule_search_locations)), inside)
