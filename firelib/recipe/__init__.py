"""What a user writes: a recipe names its sources, its features and its model.

This package imports nothing heavy; recipes import Dask and Keras inside their methods.
"""

from firelib.recipe.columns import (
    add_date_parts,
    decode_pictures,
    flag_labels,
    hash_rows,
    number_classes,
    number_rows,
    parse_dates,
    parse_numbers,
)
from firelib.recipe.csv_dialect import CsvDialect
from firelib.recipe.expectation import Expectation
from firelib.recipe.feature import DTYPES, FLOATS, INTEGERS, RESERVED_COLUMNS, Feature, FittedFeature
from firelib.recipe.loading import code_sha256, find_hidden_modules, load_recipe, recipe_file, refuse_hidden_modules
from firelib.recipe.problem import InvalidRecipeError, Problem
from firelib.recipe.recipe import Recipe
from firelib.recipe.row_wise import rows, takes_rows
from firelib.recipe.source import Source
from firelib.recipe.split_rule import SPLITS, SplitRule, find_split_rule, split_columns
from firelib.recipe.structs import flatten_structs
from firelib.recipe.task import TaskKind, count_outputs, infer_task

__all__ = [
    "DTYPES",
    "FLOATS",
    "INTEGERS",
    "RESERVED_COLUMNS",
    "SPLITS",
    "CsvDialect",
    "Expectation",
    "Feature",
    "FittedFeature",
    "InvalidRecipeError",
    "Problem",
    "Recipe",
    "Source",
    "SplitRule",
    "TaskKind",
    "add_date_parts",
    "code_sha256",
    "count_outputs",
    "decode_pictures",
    "find_hidden_modules",
    "find_split_rule",
    "flag_labels",
    "flatten_structs",
    "hash_rows",
    "infer_task",
    "load_recipe",
    "number_classes",
    "number_rows",
    "parse_dates",
    "parse_numbers",
    "recipe_file",
    "refuse_hidden_modules",
    "rows",
    "split_columns",
    "takes_rows",
]
