"""What a user writes: a recipe names its sources, its features and its model.

This package imports nothing heavy; recipes import Dask and Keras inside their methods.
"""

from firelib.recipe.feature import DTYPES, FLOATS, INTEGERS, RESERVED_COLUMNS, Feature, FittedFeature
from firelib.recipe.loading import code_sha256, find_hidden_modules, load_recipe, recipe_file
from firelib.recipe.problem import InvalidRecipeError, Problem
from firelib.recipe.recipe import Recipe
from firelib.recipe.row_wise import rows, takes_rows
from firelib.recipe.source import Source
from firelib.recipe.task import TaskKind, count_outputs, infer_task

__all__ = [
    "DTYPES",
    "FLOATS",
    "INTEGERS",
    "RESERVED_COLUMNS",
    "Feature",
    "FittedFeature",
    "InvalidRecipeError",
    "Problem",
    "Recipe",
    "Source",
    "TaskKind",
    "code_sha256",
    "count_outputs",
    "find_hidden_modules",
    "infer_task",
    "load_recipe",
    "recipe_file",
    "rows",
    "takes_rows",
]
