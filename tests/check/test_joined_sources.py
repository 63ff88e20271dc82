"""Small tables that a recipe joins are checked whole, and functions that Dask calls are tried with real rows."""

from pathlib import Path

import pytest

from tests.check.signs import ROWS, Mistake, describe, write_project

SOURCES = '    "rows": Source("rows.csv"),\n'
TRANSFORM = """\
@rows
def transform(rows):
    rows = rows.assign(twice=rows["number"] * 2)
    return rows
"""
JOIN = """\
def prepare(rows):
    rows = rows.assign(thrice=rows["number"] * 3)
    return rows


def finish(rows):
    return rows.assign(positive=rows["positive"].astype("int64"))


def transform(tables):
    rows = tables["rows"].merge(tables["months"], on="month")
    return rows.map_partitions(prepare).map_partitions(finish)
"""
MISTAKES = {
    "misspelled column": Mistake('rows["number"] * 3', 'rows["numbr"] * 3', ("prepare", "'numbr'")),
    "no return": Mistake("* 3)\n    return rows\n", "* 3)\n", ("prepare", "return"), at="def prepare"),
    "error of another type": Mistake('rows["number"] * 3', 'rows["number"].nothing()', ("AttributeError", "nothing")),
    "no partners": Mistake('merge(tables["months"]', 'merge(tables["months"].tail(0)', ("300",), at="def transform"),
    "empty split": Mistake('key = ("id",)', 'key = ("id",)\nsplit_time = "id"', ("'test'", "none of 300"), at="split:"),
    "empty file": Mistake('Source("months.csv")', 'Source("empty.csv")', ("empty",)),
    "other hash": Mistake('Source("months.csv")', f'Source("months.csv", sha256="{"0" * 64}")', ("sha256",)),
}
FEW = "train: 0.6, validation: 0.2, test: 0.2"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    # Dask takes functions of the same name over the same rows for one: no two projects of this process are the same.
    lines = [f"{month},{month % 2},{tmp_path.name}" for month in range(4)]
    (tmp_path / "months.csv").write_text("\n".join(["month,season,project", *lines]) + "\n")
    (tmp_path / "empty.csv").touch()
    file = tmp_path / "recipe.py"
    text = file.read_text().replace(SOURCES, f'{SOURCES}    "months": Source("months.csv"),\n')
    file.write_text(text.replace(TRANSFORM, JOIN))
    return tmp_path


def test_small_tables_are_checked_whole(project: Path) -> None:
    found = describe(project)
    assert found.findings == []
    assert found.checked
    assert found.checked.is_complete
    assert found.checked.valid is not None
    assert found.checked.valid.num_rows == ROWS


def test_a_word_among_the_numbers_of_a_feature_is_named_with_its_row(project: Path) -> None:
    rows = (project / "rows.csv").read_text().splitlines()
    cells = rows[7].split(",")
    cells[rows[0].split(",").index("number")] = "71.2C"
    (project / "rows.csv").write_text("\n".join([*rows[:7], ",".join(cells), *rows[8:]]) + "\n")
    found = next(finding for finding in describe(project).findings if finding.kind == "source")
    assert (found.severity, found.value) == ("warning", "71.2C")
    assert "'number'" in found.what
    assert "row 6" in found.what
    assert "null_values" in found.remedy


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_where_it_is(project: Path, name: str) -> None:
    if name == "empty split":
        params = project / "params.yaml"
        params.write_text(params.read_text().replace(FEW, "validation_from: 200, test_from: 900"))
    MISTAKES[name].plant(project)
    findings = describe(project).findings
    MISTAKES[name].require_found(findings, project)
    assert len(findings) == 1


def test_a_null_in_the_key_is_named_once(project: Path) -> None:
    file = project / "rows.csv"
    file.write_text(file.read_text().replace("\n7,", "\n,"))
    assert [finding.severity for finding in describe(project).findings] == ["error"]


def test_a_function_that_fails_only_with_invented_rows_is_explained_as_such(project: Path) -> None:
    """Dask's invented words are `foo`."""
    Mistake('rows["number"] * 3', 'rows["word"].map({"a": 1, "b": 2, "c": 3}.__getitem__)', ()).plant(project)
    (finding,) = describe(project).findings
    assert "invents" in finding.what
    assert "@rows" in finding.remedy
