"""Whether an image holds what its component needs, and nothing of the others: `docker run IMAGE self-check`."""

import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from firelib.errors import FirelibError, did_you_mean
from firelib.lineage import installed_versions


@dataclass(frozen=True)
class Component:
    """What one image is for.

    Attributes:
        stage: What it runs when it is told nothing else.
        modules: What the stage imports.
        strange: Packages that belong to other components.
    """

    stage: str
    modules: tuple[str, ...]
    strange: tuple[str, ...]


_DATA = ("firelib.recipes.flights", "firelib.data.sources.http", "gcsfs")
_TRAINING = (
    "firelib.train.worker.training_loop",
    "ray.train.tensorflow",
    "ray.tune",
    "firelib.evaluate.evaluate",
    "keras",
    "gcsfs",
)

#: Component → what its image is for.
COMPONENTS: Mapping[str, Component] = {
    "extract": Component("extract", ("firelib.data.extract", *_DATA), ("tensorflow", "keras")),
    "transform": Component("transform", ("firelib.data.transform", *_DATA), ("tensorflow", "keras")),
    "trainer": Component("train", _TRAINING, ("dask", "deltalake")),
}


def component(name: str | None = None) -> Component:
    """A component.

    Args:
        name: None is that of this image (`FIRELIB_COMPONENT`).

    Raises:
        FirelibError: There is none of this name.
    """
    name = name if name is not None else os.environ.get("FIRELIB_COMPONENT", "")
    if name not in COMPONENTS:
        raise FirelibError(f"FIRELIB_COMPONENT is {name!r}", where="this image", remedy=did_you_mean(name, COMPONENTS))
    return COMPONENTS[name]


def self_check(name: str | None = None) -> dict[str, str | None]:
    """Import what a component runs.

    Args:
        name: Of the component; None is that of this image.

    Returns:
        Package → version.

    Raises:
        FirelibError: Modules are missing or broken, or packages of others are there; all at once.
    """
    checked = component(name)
    problems = [
        *_broken(checked.modules),
        *(f"{package} is there, of another component" for package in _found(checked.strange)),
    ]
    if problems:
        raise FirelibError("\n".join(problems), where="this image", remedy="build it again: make images")
    return installed_versions(("ray", "dask", "deltalake", "tensorflow", "keras"))


def _broken(modules: tuple[str, ...]) -> Iterator[str]:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            yield f"{module}: {error}"


def _found(packages: tuple[str, ...]) -> Iterator[str]:
    return (package for package in packages if find_spec(package) is not None)
