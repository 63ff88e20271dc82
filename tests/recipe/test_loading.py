import ast
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firelib.recipe import InvalidRecipeError, find_hidden_modules, load_recipe, refuse_hidden_modules
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
EXPECTATION = "__import__('firelib').Expectation"
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
    assert recipe.transform({"rows": "frame"}) == "frame"
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
        ('key = ("id",)', 'key = ("id",)\n    expectations = ("x",)', ("expectations", "x", "Expectation")),
        ('key = ("id",)', f'key = ("id",)\n    expectations = ({EXPECTATION}("z", missing=0),)', ("expectations", "z")),
        (
            'key = ("id",)',
            f'key = ("id",)\n    expectations = ({EXPECTATION}("x", distinct=(1, 2)),)',
            ("x", "float32"),
        ),
        ('key = ("id",)', 'key = ("id",)\n    most_set_aside = 20', ("most_set_aside", "20")),
        ('key = ("id",)', f'key = ("id",)\n    expectations = ({EXPECTATION}("y", missing=0),)', ("y", "label", "psi")),
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


def test_all_invalid_declarations_are_named_at_once_with_their_lines(recipe_file: Callable[[str], str]) -> None:
    code = PARTS.replace('"float32"', '"flot32"').replace('"rows.csv"', '"https://a.b/c.csv"')
    file = recipe_file(code)
    with refused(what=[("line 3", "sha256"), ("line 4", "'x'", "flot32")], where=file, remedy="float32"):
        load_recipe(file)


def test_a_declaration_of_a_helper_has_the_line_that_calls_the_helper(recipe_file: Callable[[str], str]) -> None:
    helper = "def word(name):\n    return Feature(name, 'string', max_length=0)\n"
    file = recipe_file(
        CLASS.replace("class Mine", f"{helper}class Mine").replace('Feature("x", "float32")', 'word("x")')
    )
    with refused(what=["'x'", "max_length=0"], where=[file, "line 7"]):
        load_recipe(file)


def test_an_error_after_an_invalid_declaration_does_not_hide_it(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file("from firelib.recipe import Feature\nx = Feature('a', 'flot32')\n1 / 0")
    with refused(what="flot32", where=[file, "line 2"]):
        load_recipe(file)


def test_a_part_has_its_line(recipe_file: Callable[[str], str]) -> None:
    file = recipe_file(CLASS.replace('("id",)', '"id"'))
    with refused(what="key", where=[file, "line 7"]):
        load_recipe(file)


def test_code_beside_the_recipe_is_not_a_package_to_install(recipe_file: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "own_helpers.py").write_text("")
    with refused(what="own_helpers", where="line 1", remedy=["own_helpers.py", "recipe"]):
        load_recipe(recipe_file("import own_helpers"))


def test_a_file_that_hides_a_module_of_python(recipe_file: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("")
    code = "import types\nrandom = types.ModuleType('random')\nrandom.shuffle([])"
    with refused(what=["AttributeError", "shuffle"], where="line 3", remedy=["rename", "random.py"]):
        load_recipe(recipe_file(code))
    assert find_hidden_modules(tmp_path) == ["random.py"]


def test_an_error_of_a_recipe_can_be_pickled(recipe_file: Callable[[str], str]) -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        load_recipe(recipe_file(CLASS.replace('("id",)', '"id"')))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.problems) == (str(caught.value), caught.value.problems)


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


def test_all_files_that_hide_modules_of_python_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "select").mkdir()
    for name in ("token.py", "select/__init__.py", "train.py", "firelib_token.py"):
        (tmp_path / name).write_text("")
    with refused(what=["token.py", "select"], where=tmp_path, remedy="rename"):
        refuse_hidden_modules(tmp_path)
    refuse_hidden_modules(tmp_path / "select")
