from pathlib import Path

import pytest

from firelib.recipe.locations import call_line, declaration_line, error_line, output_line, quoted_line

CODE = """\
class Mine:
    sources = {
        "a": word("a.csv"),
        "b": word("b.csv"),
    }
    features = (
        word("x"),
        *[word(f"y{n}") for n in range(3)],
    )

    def build_model(self, features, params):
        out = dense(name="first")
        out = dense(out)
        model = Model({"x": out}, out)
        model.compile("adam")
        out = None
        return model
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(CODE)
    return str(tmp_path / "mine.py")


def test_lines_of_declarations(file: str) -> None:
    assert declaration_line(file, "sources") == 2
    assert declaration_line(file, "sources", "b") == 4
    assert declaration_line(file, "features", "x") == 7
    assert declaration_line(file, "features", "y1") == 6  # made by code: the part that makes it
    assert declaration_line(file, "label") is None
    assert declaration_line("no such file", "label") is None


def test_lines_of_a_model(file: str) -> None:
    assert output_line(file) == 13
    assert call_line(file, "build_model", "compile") == 15
    assert quoted_line(file, "build_model", ("first",)) == 12


def test_the_line_of_an_error_is_found_behind_the_errors_of_libraries() -> None:
    with pytest.raises(RuntimeError) as caught:
        fail_in_a_library()
    assert error_line(caught.value.with_traceback(None), __file__)
    assert error_line(caught.value, "other.py") is None


def fail_in_a_library() -> None:
    try:
        int("x")
    except ValueError as error:
        raise RuntimeError from error
