import sys
from datetime import date
from pathlib import Path

import pytest

from firelib.data.formats.excel import read_excel_head
from firelib.data.formats.read import read_raw_file
from firelib.data.sources.checks import check_source
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Source
from tests.data.spreadsheets import write_xlsx
from tests.errors import refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [["id", "x", "text", "day", "flag"], [1, 1.5, "ü", "1:41275", True], [2, None, "NA", "1:41276", False], []]
    write_xlsx(tmp_path / "a.xlsx", {"rows": rows, "mixed": [["a"], ["x"], [1]], "empty": [], "bare": [["a", ""], [1]]})
    return tmp_path / "a.xlsx"


def test_types_of_cells(path: Path) -> None:
    expected = {
        "id": [1, 2],
        "x": [1.5, None],
        "text": ["ü", None],
        "day": [date(2013, 1, 1), date(2013, 1, 2)],
        "flag": [True, False],
    }
    table = read_raw_file(RawFile(path, ""), Source("a.xlsx"))
    assert table.to_pydict() == expected
    assert str(table.schema.field("id").type) == "int64"
    with path.open("rb") as file:
        assert read_excel_head(file, "a.xlsx", Source("a.xlsx"), 1).rows["id"].to_pylist() == [1]


def test_sheets_by_name(path: Path) -> None:
    with refused(what="a", where="mixed", remedy=["null_values", "types"]):
        read_raw_file(RawFile(path, ""), Source("a.xlsx", sheet="mixed"))
    source = Source("a.xlsx", sheet="mixed", types={"a": "string"})
    assert read_raw_file(RawFile(path, ""), source).to_pydict() == {"a": ["x", "1"]}
    with refused(what="mixd", where="a.xlsx", remedy="mixed"):
        read_raw_file(RawFile(path, ""), Source("a.xlsx", sheet="mixd"))
    with refused(what="empty", where="empty"):
        read_raw_file(RawFile(path, ""), Source("a.xlsx", sheet="empty"))
    with refused(what=["without a name", 2], where="bare"):
        read_raw_file(RawFile(path, ""), Source("a.xlsx", sheet="bare"))


def test_a_file_that_is_no_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("id,x\n1,2\n")
    with refused(what="excel", where=tmp_path / "a.xlsx"):
        read_raw_file(RawFile(tmp_path / "a.xlsx", ""), Source("a.xlsx"))


def test_without_the_extra(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with refused(what="python_calamine", where="a.xlsx", remedy="firelib[excel]"):
        check_source(Source(str(path)))
