"""Rows of predictions: every format, and the same values and refusals as the rows of a dataset."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib import storage
from firelib.data.extract import extract
from firelib.data.row_validation import REASON, validate_rows
from firelib.data.tables import read_table
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.read import from_json, from_table, read_rows
from firelib.evaluate.input_rows.validation import validate
from firelib.project_layout import Paths
from firelib.recipe import Feature, Source
from firelib.tfrecord.format.arrow_columns import to_columns
from tests.errors import refused
from tests.evaluate.scored import Scored

FEATURES = (Feature("number", "float32", nullable=True), Feature("word", "string", max_length=5))
RECIPE = Scored(*FEATURES)
CSV = "number,word\n1.5,up\nNA,left\n"


def values(rows, recipe=RECIPE):
    return {name: column.tolist() for name, column in validate(rows, recipe.features).items()}


def write(folder: Path, content: str | bytes, name: str = "rows.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    "text",
    [
        '[{"number": 1.5, "word": "up"}, {"number": null, "word": "left"}]',
        '{"number": 1.5, "word": "up"}\n{"number": null, "word": "left"}\n',
        '{"number": 1.5,\n "word": "up"}\r\n\r\n{"word": "left"}',
        CSV,
        CSV.replace("\n", "\r\n"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_reads_every_format(tmp_path, monkeypatch, text, mark):
    expected = {"number": pytest.approx([1.5, np.nan], nan_ok=True), "word": [b"up", b"left"]}
    assert values(read_rows(write(tmp_path, mark + text, "rows"), RECIPE)) == expected
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((mark + text).encode())))
    assert values(read_rows("-", RECIPE)) == expected
    if text != CSV and text[0] in "[{":
        assert values(read_rows(text, RECIPE)) == expected


def test_ten_missing_columns_are_described_and_all_are_counted():
    recipe = Scored(*(Feature(f"mean_{number}", "float32") for number in range(30)))
    with refused(what=["'mean_0'", "'mean 0'", "20 more"]) as caught:
        from_table(pa.table({f"mean {number}": [1.0] for number in range(30)}), recipe, "rows.csv")
    assert len(caught.value.what.splitlines()) == 11


def test_reads_parquet(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"number": [1.5], "word": ["up"], "id": [9]}), path)
    rows = read_rows(str(path), RECIPE)
    assert values(rows) == {"number": [1.5], "word": [b"up"]}
    assert list(rows.others) == [{"id": 9}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "none"),
        ("[{]", "JSON"),
        ("  \n ", "none"),
        ("[]", "none"),
        ("[1]", "row 0"),
        ('{"number": 1, "number": 2}', "'number'"),
        ('{"number": ' + "9" * 5000 + "}", 5000),
        ("[" * 100_000, "recursion"),
        ("number,word\n1", [(2, 1)]),
        ("number,word\n1,a,b", [(2, 3)]),
        ("number,word", "csv"),
        ("number,word\n", "none"),
        ("number\n1\n", "'word'"),
        ("number,word,word\n1,up,up\n", "'word'"),
        ("nmber,word\n1,up\n", [("'nmber'", "'number'")]),
    ],
)
def test_invalid_rows(tmp_path, text, expected):
    path = write(tmp_path, text, "rows")
    with refused(what=expected, where=path):
        read_rows(path, RECIPE)


def test_null_values_are_those_of_the_source(tmp_path):
    """NA is a country, NAN and INF are airports."""
    recipe = Scored(*FEATURES, sources={"rows": Source("rows.csv", null_values=("", "-"))})
    path = write(tmp_path, "number,word\n-,NA\n2,NAN\n3,INF\n")
    assert values(read_rows(path, recipe), recipe)["word"] == [b"NA", b"NAN", b"INF"]


def test_sources_that_differ_must_be_named(tmp_path):
    recipe = Scored(*FEATURES, sources={"a": Source("a.csv"), "b": Source("b.csv", null_values=("",))})
    path = write(tmp_path, "number,word\n1,NA\n")
    with refused(what=["a", "b"], where="scored", remedy="firelib predict --source"):
        read_rows(path, recipe)
    assert values(read_rows(path, recipe, "b"), recipe)["word"] == [b"NA"]
    with refused(what="'c'", where="--source", remedy="a"):
        read_rows(path, recipe, "c")


def test_text_is_read_as_it_is_written(tmp_path):
    path = write(tmp_path, "id,number,word\n00001,1,00001\n00002,2,1.10\n00003,3,true\n")
    rows = read_rows(path, RECIPE)
    assert values(rows)["word"] == [b"00001", b"1.10", b"true"]
    assert [row["id"] for row in rows.others] == ["00001", "00002", "00003"]


def test_declared_types_apply_to_the_columns_of_the_file(tmp_path):
    sources = {
        "a": Source("a.csv", types={"zip": "string", "up": "int8"}),
        "b": Source("b.csv", types={"number": "float64"}),
    }
    recipe = Scored(*FEATURES, sources=sources)
    path = write(tmp_path, "zip,number,word\n00001,1,up\n")
    assert list(read_rows(path, recipe).others) == [{"zip": "00001"}]
    with refused(what=["a", "b"], where="scored", remedy="firelib predict --source"):
        read_rows(path, Scored(*FEATURES, sources={**sources, "c": Source("c.csv", types={"zip": "int64"})}))


def test_key_label_and_undeclared_columns_are_passed_on(tmp_path):
    rows = read_rows(write(tmp_path, "id,up,number,extra,word\n4,1,2.5,x,up\n"), RECIPE)
    assert list(rows.others) == [{"id": 4, "up": 1, "extra": "x"}]
    assert list(from_json([{"id": 4, "word": "up"}], RECIPE, "here").others) == [{"id": 4}]


def test_passed_columns_are_json(tmp_path):
    path = write(tmp_path, "word,number,a,b\nup,1,nan,1\nup,2,inf,2\nup,3,1.5,3\n")
    expected = [{"a": None, "b": 1}, {"a": "inf", "b": 2}, {"a": 1.5, "b": 3}]
    assert list(read_rows(path, RECIPE).others) == expected
    rows = [{"word": "up", "number": 1, "a": a, "b": b} for a, b in ((float("nan"), 1), (float("inf"), 2), (1.5, 3))]
    assert list(from_json(rows, RECIPE, "here").others) == expected


def test_passed_columns_of_nested_types_are_json(tmp_path):
    nested = {"list": [[1.5, float("nan")]], "struct": [{"a": float("inf"), "b": b"z"}], "map": [[("k", float("nan"))]]}
    types = {"map": pa.map_(pa.string(), pa.float64())}
    columns = {name: pa.array(values, types.get(name)) for name, values in nested.items()}
    pq.write_table(pa.table({"word": ["up"], "number": [1.0], **columns}), tmp_path / "rows.parquet")
    (others,) = read_rows(str(tmp_path / "rows.parquet"), RECIPE).others
    expected = {"list": [1.5, None], "struct": {"a": "inf", "b": "z"}, "map": [["k", None]]}
    assert json.loads(json.dumps(others, allow_nan=False)) == expected


SAME = [
    ("1.5,2,a,true,x", "0.1,3,b,false,y"),
    ("1.5,,a,true,x", ",3,b,false,y"),
    ("nan,nan,NAN,true,x", "inf,3,INF,true,y"),
    ("1e39,2,NA,true,x", "-1e300,3,NULL,true,y"),
    ("1e-50,2,a,true,x", "3,3,b,1,y"),
    ("1,2,a,1,x", "2,3,b,0,y"),
    ("1,2,a,2,x", "2,3,b,0,y"),
    ("1,2,a,0.5,x", "2,3,b,0,y"),
    ("1,2,a,0,9007199254740993", "2,3,b,0,1.5"),
    ('1,2,"a\nb",0,"x\n\ny"', "2,3,b,0,z"),
    ("1,2,007,TRUE,x", "2,3,1.10,FALSE,y"),
    ("1,2,3E2,true,x", "2,3,00001,false,y"),
    ("1,2,2024-01-01,true,x", "2,3,2024-01-02,false,y"),
    ("1,2,true,true,x", "2,3,False,false,y"),
    ("1,2,a,true,2024-01-01 10:00:00", "2,3,b,true,2024-01-01 10:00:01"),
    ("1,2,a,true,10:00:00", "2,3,b,true,10:00:01"),
    ("1_0,2,a,true,x", "2,3,b,true,y"),
    ("1,2.0,a,true,x", "2,3.0,b,true,y"),
    ("1,2.5,a,true,x", "2,3.0,b,true,y"),
    ("1,300,a,true,x", "2,3,bbbbbbbbbb,true,y"),
    ("1,99999999999999999999,a,true,x", "2,3,b,true,y"),
    ("16777217,2,a,true,x", "2,3,b,true,y"),
    ('1,2,"a,b",true,"x ""y"""', "2,3, b ,true,y"),
    ("many,2,a,true,x", "2,3,b,true,y"),
    ("1,2,a,yes,x", "2,3,b,true,y"),
    ("1,2,ünï,true,x", "2,3,\U0001f600,true,y"),
]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("lines", SAME)
def test_reads_what_transform_reads(tmp_path, lines, mark):
    """The same raw file gives the same values and the same refusals in a dataset and in a prediction."""
    path = write(tmp_path, mark + "id,number,count,word,flag,text\n" + "".join(f"7,{line}\n" for line in lines))
    recipe = Scored(
        Feature("number", "float32", nullable=True),
        Feature("count", "int16", range=(0, 200), nullable=True, missing=-1),
        Feature("word", "string", max_length=8, nullable=True),
        Feature("flag", "bool"),
        Feature("text", "string"),
        sources={"rows": Source(path)},
        label=Feature("id", "int64"),
    )
    assert outcome(lambda: predicted(path, recipe)) == outcome(lambda: transformed(tmp_path, recipe))


def outcome(make):
    """The columns, or whether they are refused."""
    try:
        columns = make()
    except FirelibError:
        return "refused"
    return {
        name: repr(column.to_pylist() if isinstance(column, pa.Array) else column.tolist())
        for name, column in columns.items()
    }


def predicted(path, recipe):
    return validate(read_rows(path, recipe), recipe.features)


def transformed(folder, recipe):
    """The columns that the writer gets for a recipe that changes nothing. A prediction refuses what it sets aside."""
    paths = Paths("scored", str(folder / "storage"), folder)
    extract(recipe, paths)
    rows = validate_rows(read_table(storage.join(paths.lake, "rows"), 0).compute(scheduler="synchronous"), recipe)
    if rows.set_aside.num_rows:
        raise FirelibError(str(rows.set_aside[REASON].to_pylist()))
    return to_columns(rows.valid, recipe.features)
