"""From raw bytes to a trained model: describe a dataset and a model once, run them anywhere.

The public names are imported on first use, so that `import firelib` (and `firelib --help`) stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from firelib.user_folders import prepare_environment

if TYPE_CHECKING:
    from firelib.errors import FirelibError
    from firelib.recipe import CsvDialect, Expectation, Feature, FittedFeature, Recipe, Source, rows
    from firelib.tfrecord.read.dataset import open_dataset
    from firelib.tfrecord.write.write_tfrecords import write_tfrecords

__version__ = "0.1.0"

__all__ = [
    "CsvDialect",
    "Expectation",
    "Feature",
    "FirelibError",
    "FittedFeature",
    "Recipe",
    "Source",
    "__version__",
    "open_dataset",
    "rows",
    "write_tfrecords",
]

_MODULES = {
    "CsvDialect": "firelib.recipe",
    "Expectation": "firelib.recipe",
    "Feature": "firelib.recipe",
    "FirelibError": "firelib.errors",
    "FittedFeature": "firelib.recipe",
    "Recipe": "firelib.recipe",
    "Source": "firelib.recipe",
    "open_dataset": "firelib.tfrecord.read.dataset",
    "rows": "firelib.recipe",
    "write_tfrecords": "firelib.tfrecord.write.write_tfrecords",
}

prepare_environment()  # before any other import reads HOME or a cache folder


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'firelib' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
