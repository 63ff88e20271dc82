"""Whether an image holds what its component needs, and nothing of the others: `docker run IMAGE self-check`."""

import importlib
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from firelib.errors import FirelibError, did_you_mean
from firelib.lineage import installed

#: Component → modules that it runs, and packages that belong to others.
COMPONENTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "extract": (("firelib.data.extract", "firelib.recipes.flights"), ("tensorflow", "keras")),
    "transform": (("firelib.data.transform", "firelib.recipes.flights"), ("tensorflow", "keras")),
    "trainer": (
        ("firelib.train.loop", "ray.train.tensorflow", "ray.tune", "firelib.evaluate.evaluate", "keras"),
        ("dask", "deltalake"),
    ),
}


def self_check(component: str | None = None) -> dict[str, str | None]:
    """Import what a component runs.

    Args:
        component: Its name; None is that of this image (`FIRELIB_COMPONENT`).

    Returns:
        Package → version.

    Raises:
        FirelibError: Modules are missing or broken, or packages of others are there; all at once.
    """
    name = component or os.environ.get("FIRELIB_COMPONENT", "")
    if name not in COMPONENTS:
        raise FirelibError(f"FIRELIB_COMPONENT is {name!r}", where="this image", remedy=did_you_mean(name, COMPONENTS))
    modules, strange = COMPONENTS[name]
    problems = [*_broken(modules), *(f"{package} is there, of another component" for package in _found(strange))]
    if problems:
        raise FirelibError("\n".join(problems), where=f"image {name}", remedy="build it again: make images")
    return installed(("ray", "dask", "deltalake", "tensorflow", "keras"))


def _broken(modules: tuple[str, ...]) -> Iterator[str]:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            yield f"{module}: {error}"


def _found(packages: tuple[str, ...]) -> Iterator[str]:
    return (package for package in packages if find_spec(package) is not None)
