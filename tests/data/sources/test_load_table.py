"""Files that are written while a table is read."""

from pathlib import Path

import pytest

from firelib.data.sources.load_table import open_table
from firelib.recipe import Source
from tests.errors import refused
from tests.recipes.tiny import project, tiny_recipe

LINES = 400_000  # more bytes than are read at once


@pytest.mark.parametrize(
    "content",
    ["number,other\n1,2\n", "number,next\n" + "1,word\n" * LINES, "number,next\n" + "1,2,3\n" * LINES, "number,next\n"],
    ids=["other columns", "other types", "more values", "fewer rows"],
)
def test_a_file_that_is_written_meanwhile_is_named(tmp_path: Path, content: str) -> None:
    """What its rows then raise, or not, tells nothing about the file that was hashed."""
    sources = tmp_path / "sources"
    sources.mkdir()
    for name in ("a.csv", "b ü.csv"):
        (sources / name).write_text("number,next\n" + "".join(f"{number},{number + 1}\n" for number in range(LINES)))
    table = open_table(Source(str(sources)), project(tmp_path)[1], tiny_recipe(tmp_path), "t")
    (sources / "b ü.csv").write_text(content)
    with refused(what=["1 of 2 files changed", "b ü.csv"], where="source", remedy="again"), table.refuse_changes():
        table.rows.read_all()
