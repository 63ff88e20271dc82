"""The hash of a recipe's code covers what the recipe imports from the project."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firelib.data.generations import code_hash
from firelib.data.generations.code_hash import hash_code, list_project_code
from firelib.recipe import load_recipe
from tests.recipe.test_loading import PARTS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    files = {
        "generations_recipe.py": f"import json\nfrom generations_helper import double\n{PARTS}",
        "generations_helper/__init__.py": "def double(x):\n    from . import tables\n    return tables.double(x)\n",
        "generations_helper/tables.py": "import pandas\nfrom generations_helper.more.deep import x\n",
        "generations_helper/more/__init__.py": "",
        "generations_helper/more/deep.py": "x = 1\n",
        "generations_helper/unused.py": "x = 1\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("generations_")]:
        del sys.modules[name]


def test_modules_of_the_project_count_and_libraries_do_not(project: Path) -> None:
    found = list_project_code(project / "generations_recipe.py")
    names = [path.relative_to(project).as_posix() for path in found]
    helper = "generations_helper/"
    modules = ["__init__.py", "more/__init__.py", "more/deep.py", "tables.py"]
    assert names == [*(helper + name for name in modules), "generations_recipe.py"]


@pytest.mark.parametrize("name", ["generations_recipe.py", "generations_helper/more/deep.py"])
def test_the_hash_changes_with_the_code(project: Path, name: str) -> None:
    recipe = load_recipe(str(project / "generations_recipe.py"))
    before = hash_code(recipe)
    assert hash_code(recipe) == before
    (project / name).write_text((project / name).read_text() + "\n# changed\n")
    assert hash_code(recipe) != before


def test_other_files_do_not_count(project: Path) -> None:
    recipe = load_recipe(str(project / "generations_recipe.py"))
    before = hash_code(recipe)
    (project / "generations_helper" / "unused.py").write_text("x = 2\n")
    assert hash_code(recipe) == before


def test_the_package_of_a_recipe_counts(project: Path) -> None:
    package = project / "generations_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "recipe.py").write_text(PARTS)
    importlib.invalidate_caches()
    recipe = load_recipe("generations_package.recipe")
    before = hash_code(recipe)
    (package / "__init__.py").write_text("import pandas\npandas.set_option('mode.copy_on_write', True)\n")
    assert hash_code(recipe) != before


def test_libraries_are_not_imported(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe imports TensorFlow in `build_model`, which a transform does not need, and its image may lack."""
    library = project / "site" / "generations_library"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "part.py").write_text("")
    monkeypatch.syspath_prepend(project / "site")
    monkeypatch.setattr(code_hash, "_library_folders", lambda: (project / "site",))
    (project / "generations_recipe.py").write_text("def build_model():\n    from generations_library.part import x\n")
    assert list_project_code(project / "generations_recipe.py") == [project / "generations_recipe.py"]
    assert "generations_library" not in sys.modules


def test_a_package_that_cannot_be_imported_stops_nothing(project: Path) -> None:
    (project / "generations_helper" / "__init__.py").write_text("raise KeyError('ONLY_IN_TRAINING')\n")
    (project / "generations_recipe.py").write_text("def build_model():\n    import generations_helper.tables\n")
    names = [path.name for path in list_project_code(project / "generations_recipe.py")]
    assert names == ["__init__.py", "generations_recipe.py"]


def test_a_recipe_without_a_file_has_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe("flights")
    assert hash_code(recipe)
    monkeypatch.delitem(sys.modules, type(recipe).__module__)
    assert hash_code(recipe) is None
