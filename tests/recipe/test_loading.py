import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firelib.recipe import load_recipe
from tests.errors import refused

PARTS = """
from firelib.recipe import Feature, Recipe, Source
sources = {"rows": Source("rows.csv")}
features = (Feature("x", "float32"),)
label = Feature("y", "int64")
key = ("id",)
def transform(tables): return tables["rows"]
def build_model(features, params): return None
"""
CLASS = """
from firelib.recipe import Feature, Recipe, Source
class Mine(Recipe):
    sources = {"rows": Source("rows.csv")}
    features = (Feature("x", "float32"),)
    label = Feature("y", "int64")
    key = ("id",)
    def transform(self, tables): return tables["rows"]
    def build_model(self, features, params): return None
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Callable[[str], str]:
    def write(code: str) -> str:
        path = tmp_path / "mine.py"
        path.write_text(code)
        return str(path)

    return write


def test_a_shipped_recipe_is_loaded_by_its_name() -> None:
    assert load_recipe("flights").name == "flights"


def test_a_recipe_is_loaded_by_its_module() -> None:
    assert type(load_recipe("firelib.recipes.flights")) is type(load_recipe("flights"))


@pytest.mark.parametrize("code", [PARTS, CLASS], ids=["module", "class"])
def test_a_file_gives_its_recipe_a_name(recipe_file: Callable[[str], str], code: str) -> None:
    recipe = load_recipe(recipe_file(code))
    assert recipe.name == "mine"
    assert recipe.transform({"rows": "frame"}) == "frame"  # type: ignore[dict-item]
    assert recipe.exclude(None) == {}  # type: ignore[arg-type]
    assert recipe.parameters == {}


@pytest.mark.parametrize("code", [PARTS, CLASS], ids=["module", "class"])
def test_a_declared_name_is_kept(recipe_file: Callable[[str], str], code: str) -> None:
    named = code.replace("    key =", '    name = "other"\n    key =').replace("\nkey =", '\nname = "other"\nkey =')
    assert load_recipe(recipe_file(named)).name == "other"


def test_all_missing_parts_are_named_at_once(recipe_file: Callable[[str], str]) -> None:
    code = PARTS.replace("key =", "kee =").replace("def transform", "def transfrom").replace("label =", "lable =")
    file = recipe_file(code)
    with refused(what=["label", "key", "transform"], where=file, remedy="docs/recipe.md"):
        load_recipe(file)


def test_reserved_names(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file(re.sub("key = .*", 'key = ("firelib_hash", "rejected_because")', PARTS))
    with refused(what=["reserved", "firelib_hash", "rejected_because"], where=file):
        load_recipe(file)


def test_a_class_without_parts(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file("from firelib.recipe import Recipe\nclass Empty(Recipe): pass")
    with refused(what=["sources", "features", "label", "key", "transform", "build_model"], where=file):
        load_recipe(file)


def test_two_recipes_in_one_module(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file(CLASS + "class Other(Mine): pass")
    with refused(what=[2, "Mine", "Other"], where=file):
        load_recipe(file)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('key = ("id",)', "key = ()", "key"),
        ('key = ("id",)', 'key = "id"', ("key", "('id',)")),
        ('label = Feature("y", "int64")', 'label = Feature("x", "int64")', "x"),
        ('features = (Feature("x", "float32"),)', "features = ()", "features"),
        ('features = (Feature("x", "float32"),)', 'features = ("x",)', ("features", "x")),
        ('sources = {"rows": Source("rows.csv")}', "sources = {}", "sources"),
        ('sources = {"rows": Source("rows.csv")}', 'sources = {"rows": "rows.csv"}', ("rows", "rows.csv", "Source")),
        ('label = Feature("y", "int64")', 'label = "y"', ("label", "y", "Feature")),
        ('Feature("y", "int64")', 'Feature("y", "float32", nullable=True)', ("label", "nullable")),
    ],
)
def test_a_part_of_the_wrong_type(recipe_file: Callable[[str], str], old: str, new: str, named: Any) -> None:
    assert old in CLASS
    file = recipe_file(CLASS.replace(old, new))
    with refused(what=[named], where=file, remedy="docs/recipe.md") as caught:
        load_recipe(file)
    assert len(caught.value.what.splitlines()) == 1


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with refused(what="flihgts", where=["params.yaml", "recipe"], remedy="flights"):
        load_recipe("flihgts")


@pytest.mark.parametrize("reference", ["", ".", "..flights", "no.such.module", "flights.more"])
def test_a_reference_without_a_recipe(reference: str) -> None:
    with refused(what=repr(reference), where=["params.yaml", "recipe"], remedy="path/to/recipe.py"):
        load_recipe(reference)


def test_missing_recipe_file() -> None:
    with refused(what="nowhere/mine.py", where=["params.yaml", "recipe"], remedy="path"):
        load_recipe("nowhere/mine.py")


def test_a_syntax_error_in_a_file_names_the_line(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file("x = 1\ndef broken(:\n")
    with refused(what="Python", where=[file, "line 2"]):
        load_recipe(file)


def test_a_missing_library_is_not_a_missing_recipe(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file("x = 1\nimport no_such_library")
    with refused(what="no_such_library", where=[file, "line 2"], remedy=["uv add", "pip install"]):
        load_recipe(file)


def test_an_error_in_the_code_of_a_file_names_the_line(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file("def half():\n    pass\nx = 1 / 0")
    with refused(what="ZeroDivisionError", where=[file, "line 3"]):
        load_recipe(file)


def test_an_invalid_declaration_in_a_file_keeps_its_own_message(recipe_file: Callable[[str], str]) -> None:
    code = "from firelib.recipe import Feature\nlabel = Feature('a', 'flot32')"
    with refused(what=["dtype", "flot32"], where="a", remedy="float32"):
        load_recipe(recipe_file(code))


@pytest.mark.parametrize("classes", ["('no', 'yes', 'both')", "('no',)"])
def test_classes_must_fit_the_label(recipe_file: Callable[[str], str], classes: str) -> None:
    code = PARTS.replace('"int64")', '"int64", range=(0, 1))') + f"classes = {classes}\n"
    file, count = recipe_file(code), len(ast.literal_eval(classes))
    with refused(what=[(count, "classes", "label", f"(0, {count - 1})", "(0, 1)")], where=file):
        load_recipe(file)


def test_a_module_may_declare_test_rows_and_classes(recipe_file: Callable[[str], str]) -> None:
    code = PARTS.replace('"int64")', '"int64", range=(0, 1))') + "classes = ('no', 'yes')\ntest_rows = 'official'\n"
    recipe = load_recipe(recipe_file(code))
    assert (recipe.classes, recipe.test_rows) == (("no", "yes"), "official")
