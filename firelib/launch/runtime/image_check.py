"""Self-check of an image: it has what its component needs and nothing of the others (`docker run IMAGE self-check`)."""

import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from firelib.errors import FirelibError, did_you_mean
from firelib.lineage import installed_versions

_WHERE = "this image"


@dataclass(frozen=True)
class Component:
    """A component, for which one image exists.

    Attributes:
        stage: The stage that the image runs by default.
        modules: Modules that the stage imports.
        foreign: Packages of other components, which the image must not contain.
        options: Options of the stage when it runs by default.
    """

    stage: str
    modules: tuple[str, ...]
    foreign: tuple[str, ...]
    options: tuple[str, ...] = ()


_DATA = ("firelib.recipes.flights", "firelib.data.sources.http", "gcsfs")
_TRAINING = (
    "firelib.train.worker.training_loop",
    "ray.train.tensorflow",
    "ray.tune",
    "firelib.evaluate.evaluate",
    "keras",
    "gcsfs",
)

_CLUSTER = ("ray", "dask", "deltalake")

#: Name → component.
COMPONENTS: Mapping[str, Component] = {
    "extract": Component("extract", ("firelib.data.extract", *_DATA), ("tensorflow", "keras")),
    "transform": Component("transform", ("firelib.data.transform", *_DATA), ("tensorflow", "keras")),
    "trainer": Component("train", _TRAINING, ("dask", "deltalake")),
    "evaluate": Component("evaluate", ("firelib.evaluate.evaluate", "firelib.cli", "keras", "gcsfs"), _CLUSTER),
    # Nothing reaches a container's loopback; who may reach its port is decided where it is published.
    "serve": Component(
        "serve",
        ("firelib.serve.app", "firelib.serve.server", "tensorflow", "gcsfs"),
        _CLUSTER,
        ("--host", "0.0.0.0"),  # noqa: S104
    ),
}


def find_component(name: str | None = None) -> Component:
    """Look up a component.

    Args:
        name: The component; None means the component of this image (`FIRELIB_COMPONENT`).

    Raises:
        FirelibError: The component is unknown.
    """
    name = name if name is not None else os.environ.get("FIRELIB_COMPONENT", "")
    if name not in COMPONENTS:
        raise FirelibError(
            f"FIRELIB_COMPONENT: unknown component {name!r}", where=_WHERE, remedy=did_you_mean(name, COMPONENTS)
        )
    return COMPONENTS[name]


def self_check(name: str | None = None) -> dict[str, str | None]:
    """Import all modules of a component.

    Args:
        name: The component; None means the component of this image.

    Returns:
        Package → version; None for a package that is not installed.

    Raises:
        FirelibError: Modules are missing or broken, or foreign packages are installed; the error names all of them.
    """
    component = find_component(name)
    problems = [
        *_find_broken(component.modules),
        *(f"{package} is installed, but belongs to another component" for package in _find_foreign(component.foreign)),
    ]
    if problems:
        raise FirelibError("\n".join(problems), where=_WHERE, remedy="build the image again: make images")
    return installed_versions(("ray", "dask", "deltalake", "tensorflow", "keras"))


def _find_broken(modules: tuple[str, ...]) -> Iterator[str]:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            yield f"{module}: {error}"


def _find_foreign(packages: tuple[str, ...]) -> Iterator[str]:
    return (package for package in packages if find_spec(package) is not None)
