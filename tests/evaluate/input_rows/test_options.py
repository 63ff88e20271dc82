"""Files to score are read with the options of the sources, in pieces as well as whole."""

import bz2
import gzip

import pytest
from PIL import Image

from firelib.evaluate.input_rows.options import select_options
from firelib.evaluate.input_rows.read import read_batches, read_rows
from firelib.recipe import CsvDialect, Feature, Source
from tests.errors import refused
from tests.evaluate.scored import Scored

FEATURES = (Feature("x", "float32"), Feature("word", "string"))
TEXT = 'x\tword\n1\ta,b\n2\t"c\n\td"\n3\te\n4\tf\n'


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("rows.tsv", bytes),
        ("rows.TAB", bytes),
        ("rows.tsv.gz", gzip.compress),
        ("rows.tsv.BZ2", bz2.compress),
        ("rows.tsv.txt", bytes),
    ],
)
def test_pieces_keep_what_the_name_tells(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(TEXT.encode()))
    recipe = Scored(*FEATURES)
    whole = read_rows(str(tmp_path / name), recipe).columns
    pieces = list(read_batches(str(tmp_path / name), recipe, size=4))
    assert len(pieces) > 1
    for column in ("x", "word"):
        values = [value for piece in pieces for value in piece.columns[column].to_pylist()]
        assert values == whole[column].to_pylist()
    assert [str(value) for value in whole["word"].to_pylist()] == ["a,b", "c\n\td", "e", "f"]


def test_partitioned_source(tmp_path):
    recipe = Scored(*FEATURES, sources={"rows": Source("parts", partitioned=True)})
    folder = tmp_path / "year=2013"
    folder.mkdir()
    for path in (tmp_path / "rows.csv", folder / "rows.csv"):
        path.write_text("x,word\n1,a\n2,b\n")
        batches = list(read_batches(str(path), recipe, size=4))
        assert [row.get("year") for batch in batches for row in batch.others] == [
            2013 if path.parent == folder else None
        ] * 2


def test_sources_of_pictures_and_databases(tmp_path):
    (tmp_path / "rows").write_text("x,word\n1,a\n")
    sources = {"a": Source("shop.db", query="select 1"), "b": Source("folder", format="images"), "c": Source("a.csv")}
    for listed in (sources, {"a": Source("list.csv", images="path")}):
        assert read_rows(str(tmp_path / "rows"), Scored(*FEATURES, sources=listed)).columns["x"].to_pylist() == [1]


SEMICOLON = CsvDialect(delimiter=";")


@pytest.mark.parametrize(
    ("sources", "name", "differ"),
    [
        ([Source("a.csv"), Source("b.csv", csv=SEMICOLON)], "rows.csv", True),
        ([Source("a.csv", csv=SEMICOLON), Source("b.csv", csv=CsvDialect(delimiter="|"))], "rows", True),
        ([Source("a.csv"), Source("b.csv", csv=SEMICOLON)], "rows.parquet", False),
        ([Source("a.parquet"), Source("b.csv", csv=SEMICOLON)], "rows.csv", False),
        ([Source("a.xlsx", sheet="x"), Source("a.xlsx", sheet="y")], "rows.xlsx", True),
        ([Source("a.xlsx"), Source("a.xlsx", sheet="y")], "rows.xlsx", True),
        ([Source("a.xlsx", sheet="x"), Source("a.xlsx", sheet="y")], "rows.csv", False),
        ([Source("a", format="csv"), Source("b", format="json")], "rows", True),
        ([Source("a", format="csv"), Source("b", format="json")], "rows.csv", False),
    ],
)
def test_options_that_differ_must_be_named(tmp_path, sources, name, differ):
    recipe = Scored(*FEATURES, sources={"one": sources[0], "two": sources[1]})
    if differ:
        with refused(what=["one", "two"], where="scored", remedy="firelib predict --source"):
            select_options(recipe, None, tmp_path / name)
    else:
        select_options(recipe, None, tmp_path / name)
    chosen = select_options(recipe, "two", tmp_path / name)
    assert chosen.csv in (sources[1].csv, None)


def test_dialect_of_the_only_source_with_csv_applies(tmp_path):
    recipe = Scored(*FEATURES, sources={"a": Source("a.parquet"), "b": Source("b.csv", csv=SEMICOLON)})
    (tmp_path / "rows.csv").write_text("x;word\n1;a\n")
    assert read_rows(str(tmp_path / "rows.csv"), recipe).columns["x"].to_pylist() == [1]


def test_listed_pictures_are_read(tmp_path):
    (tmp_path / "rows.csv").write_text("path,x,word\na.png,1,a\nabsent.png,2,b\n,3,c\n")
    Image.new("L", (2, 3)).save(tmp_path / "a.png")
    recipe = Scored(Feature("image", "bytes", optional=True), sources={"rows": Source("list.csv", images="path")})
    batches = list(read_batches(str(tmp_path / "rows.csv"), recipe, size=4))
    images = [image for batch in batches for image in batch.columns["image"].to_pylist()]
    assert images == [(tmp_path / "a.png").read_bytes(), None, None]
    assert [row["width"] for batch in batches for row in batch.others] == [2, 0, 0]
