from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firelib.errors import FirelibError
from firelib.recipe import Feature, Recipe, Source, load_recipe

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


def test_a_recipe_that_ships_is_found_by_its_name() -> None:
    assert load_recipe("flights").name == "flights"


def test_a_recipe_is_found_by_its_module() -> None:
    assert type(load_recipe("firelib.recipes.flights")) is type(load_recipe("flights"))


@pytest.mark.parametrize("code", [PARTS, CLASS], ids=["module", "class"])
def test_a_file_gives_its_recipe_a_name(recipe_file: Callable[[str], str], code: str) -> None:
    recipe = load_recipe(recipe_file(code))
    assert recipe.name == "mine"
    assert recipe.transform({"rows": "frame"}) == "frame"  # type: ignore[dict-item]
    assert recipe.exclude(None) == {}  # type: ignore[arg-type]
    assert recipe.parameters == {}


@pytest.mark.parametrize("code", [PARTS, CLASS], ids=["module", "class"])
def test_a_given_name_stays(recipe_file: Callable[[str], str], code: str) -> None:
    named = code.replace("    key =", '    name = "other"\n    key =').replace("\nkey =", '\nname = "other"\nkey =')
    assert load_recipe(recipe_file(named)).name == "other"


def test_all_missing_parts_are_named_at_once(recipe_file: Callable[[str], str]) -> None:
    code = PARTS.replace("key =", "kee =").replace("def transform", "def transfrom").replace("label =", "lable =")
    with pytest.raises(FirelibError, match="the recipe lacks label, key, transform"):
        load_recipe(recipe_file(code))


def test_a_class_without_parts(recipe_file: Callable[[str], str]) -> None:
    with pytest.raises(FirelibError, match="lacks sources, features, label, key, transform, build_model"):
        load_recipe(recipe_file("from firelib.recipe import Recipe\nclass Empty(Recipe): pass"))


def test_two_recipes_in_one_module(recipe_file: Callable[[str], str]) -> None:
    with pytest.raises(FirelibError, match="2 recipes in one module: Mine, Other"):
        load_recipe(recipe_file(CLASS + "class Other(Mine): pass"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('key = ("id",)', "key = ()", "the key is empty"),
        ('key = ("id",)', 'key = "id"', "key is 'id'"),
        ('label = Feature("y", "int64")', 'label = Feature("x", "int64")', "declared twice: x"),
        ('features = (Feature("x", "float32"),)', "features = ()", "there are no features"),
        ('features = (Feature("x", "float32"),)', 'features = ("x",)', "features has 'x'"),
        ('sources = {"rows": Source("rows.csv")}', "sources = {}", "there are no sources"),
        ('sources = {"rows": Source("rows.csv")}', 'sources = {"rows": "rows.csv"}', "source 'rows' is 'rows.csv'"),
        ('label = Feature("y", "int64")', 'label = "y"', "label is 'y'"),
        ('Feature("y", "int64")', 'Feature("y", "float32", nullable=True)', "the label is nullable"),
    ],
)
def test_a_part_of_the_wrong_kind(recipe_file: Callable[[str], str], old: str, new: str, said: str) -> None:
    assert old in CLASS
    with pytest.raises(FirelibError) as caught:
        load_recipe(recipe_file(CLASS.replace(old, new)))
    assert said in str(caught.value)
    assert "remedy:" in str(caught.value)


def test_unknown_recipe_hints_at_the_nearest() -> None:
    with pytest.raises(FirelibError, match="did you mean 'flights'"):
        load_recipe("flihgts")


@pytest.mark.parametrize("reference", ["", ".", "..flights", "no.such.module", "flights.more"])
def test_a_reference_to_nothing(reference: str) -> None:
    with pytest.raises(FirelibError, match="there is no recipe"):
        load_recipe(reference)


def test_missing_recipe_file() -> None:
    with pytest.raises(FirelibError, match=r"no recipe file nowhere/mine\.py"):
        load_recipe("nowhere/mine.py")


def test_a_file_with_an_error_says_which_line(recipe_file: Callable[[str], str]) -> None:
    with pytest.raises(FirelibError, match=r"line 2") as caught:
        load_recipe(recipe_file("x = 1\ndef broken(:\n"))
    assert "mine.py" in str(caught.value)


def test_a_library_that_the_recipe_lacks_is_no_missing_recipe(recipe_file: Callable[[str], str]) -> None:
    with pytest.raises(FirelibError, match=r"(?s)'no_such_library'.*mine\.py, line 2.*install it"):
        load_recipe(recipe_file("x = 1\nimport no_such_library"))


def test_an_error_in_the_code_of_a_file_says_which_line(recipe_file: Callable[[str], str]) -> None:
    with pytest.raises(FirelibError, match=r"(?s)ZeroDivisionError.*mine\.py, line 3"):
        load_recipe(recipe_file("def half():\n    pass\nx = 1 / 0"))


def test_a_wrong_declaration_in_a_file_keeps_its_own_message(recipe_file: Callable[[str], str]) -> None:
    code = "from firelib.recipe import Feature\nlabel = Feature('a', 'flot32')"
    with pytest.raises(FirelibError, match="unknown dtype 'flot32'"):
        load_recipe(recipe_file(code))


def test_a_download_needs_its_hash() -> None:
    with pytest.raises(FirelibError, match="has no sha256"):
        Source("https://example.org/rows.csv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dtype": "float23"}, "did you mean 'float32'"),
        ({"dtype": "int64", "max_length": 3}, "max_length=3 of a int64"),
        ({"dtype": "string", "max_length": 0}, "max_length=0 of a string"),
        ({"dtype": "string", "max_length": 3, "shape": (2,)}, "shape"),
        ({"dtype": "int8", "nullable": True}, "missing"),
        ({"dtype": "bool", "nullable": True}, "bool cannot be missing"),
        ({"dtype": "uint8", "nullable": True, "missing": -1}, "-1 is no uint8"),
        ({"dtype": "int8", "range": (0, 200)}, r"\(0, 200\) is not within int8"),
        ({"dtype": "int8", "range": (5, 1)}, r"\(5, 1\) is empty"),
        ({"dtype": "float32", "range": (5, 1)}, r"\(5, 1\) is empty"),
        ({"dtype": "float32", "shape": (2, 0)}, r"shape \(2, 0\)"),
        ({"dtype": "float32", "name": ""}, "no name"),
    ],
)
def test_a_declaration_that_cannot_hold(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(FirelibError, match=said) as caught:
        Feature(**{"name": "x", **arguments})
    assert "remedy:" in str(caught.value)


def test_a_plain_recipe_leaves_nothing_out() -> None:
    assert Recipe().exclude(None) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", ["('no', 'yes', 'both')", "('no',)"])
def test_classes_fit_the_label(recipe_file: Callable[[str], str], classes: str) -> None:
    code = PARTS.replace('"int64")', '"int64", range=(0, 1))') + f"classes = {classes}\n"
    with pytest.raises(FirelibError, match=r"classes, so the label's range is \(0, \d\), not \(0, 1\)"):
        load_recipe(recipe_file(code))


def test_a_module_names_test_rows_and_classes(recipe_file: Callable[[str], str]) -> None:
    code = PARTS.replace('"int64")', '"int64", range=(0, 1))') + "classes = ('no', 'yes')\ntest_rows = 'official'\n"
    recipe = load_recipe(recipe_file(code))
    assert (recipe.classes, recipe.test_rows) == (("no", "yes"), "official")
