"""What a user writes: a recipe names its sources, its features and its model.

This package imports nothing heavy; recipes import Dask and Keras inside their methods.
"""

from firelib.recipe.feature import DTYPES, FLOATS, INTEGERS, RESERVED_COLUMNS, Feature, FittedFeature
from firelib.recipe.loading import code_sha256, load_recipe
from firelib.recipe.recipe import Recipe
from firelib.recipe.source import Source
from firelib.recipe.task import TaskKind, count_outputs, infer_task

__all__ = [
    "DTYPES",
    "FLOATS",
    "INTEGERS",
    "RESERVED_COLUMNS",
    "Feature",
    "FittedFeature",
    "Recipe",
    "Source",
    "TaskKind",
    "code_sha256",
    "count_outputs",
    "infer_task",
    "load_recipe",
]
