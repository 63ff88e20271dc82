"""Predictions as files: the same rows in every format, whole or not at all."""

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.evaluate import predict as predicting
from firelib.evaluate.input_rows.read import read_batches
from firelib.evaluate.predict import predict_batches
from firelib.evaluate.prediction_files import choose_format, open_writer
from firelib.recipe import Feature, parse_numbers
from tests.errors import refused
from tests.evaluate.scored import Scored

X, WORD = Feature("x", "float32", range=(0, 1e6)), Feature("word", "string", max_length=5)
RECIPE = Scored(X, WORD, key=("word",), label=Feature("kind", "int64", range=(0, 1)), classes=("no", "yes"))
TEXT = "word,x,kind,note\n" + "".join(f"w{row},{row},{row % 2},n{row}\n" for row in range(50))


@pytest.fixture(autouse=True)
def model(monkeypatch):
    """Instead of a model: class `yes` has the probability x / 50."""

    class Model:
        def __init__(self, folder):
            pass

        def predict(self, inputs):
            share = inputs["x"].astype(float) / 50
            return np.stack([1 - share, share], axis=1)

    monkeypatch.setattr(predicting, "TrainedModel", Model)


def run(rows, output, size=200, recipe=RECIPE):
    with open_writer(output, choose_format(output, None), recipe) as writer:
        return predict_batches(read_batches(str(rows), recipe, size=size), recipe, output.parent, writer)


def inputs(folder):
    (folder / "rows.csv").write_text(TEXT)
    table = list(csv.DictReader(io.StringIO(TEXT)))
    rows = [{**row, "x": float(row["x"]), "kind": int(row["kind"])} for row in table]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "rows.json").write_text(json.dumps(rows))
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return [folder / f"rows.{suffix}" for suffix in ("csv", "jsonl", "json", "parquet")]


def read(path):
    """Rows of a file of predictions."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open() as file:
            return list(csv.DictReader(file))
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else list(map(json.loads, text.splitlines()))


def test_a_feature_that_no_row_has_is_named(tmp_path, capsys):
    maybe = Feature("maybe", "float32", nullable=True)
    recipe = Scored(X, WORD, maybe, key=("word",), label=RECIPE.label, classes=RECIPE.classes)
    (tmp_path / "rows.csv").write_text("word,x\na,1\nb,2\n")
    run(tmp_path / "rows.csv", tmp_path / "out.csv", recipe=recipe)
    assert "'maybe'" in capsys.readouterr().err
    (tmp_path / "rows.csv").write_text("word,x,maybe\na,1,\nb,2,3\n")
    run(tmp_path / "rows.csv", tmp_path / "out.csv", recipe=recipe)
    assert "maybe" not in capsys.readouterr().err


def test_a_row_that_prepare_cannot_read_is_explained(tmp_path):
    class Prepared(Scored):
        def prepare(self, rows):
            return parse_numbers(rows, "x")

    (tmp_path / "rows.jsonl").write_text('{"word": "a", "x": "many"}')
    recipe = Prepared(X, WORD, key=("word",), label=RECIPE.label, classes=RECIPE.classes)
    with refused(what="x is missing", remedy="prepare"):
        run(tmp_path / "rows.jsonl", tmp_path / "out.csv", recipe=recipe)


def test_text_is_readable_and_broken_text_is_escaped(tmp_path):
    rows = [{"word": "ü", "x": 1, "note": "Köln 茶"}, {"word": "b", "x": 2, "note": "\ud800"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    run(tmp_path / "rows.json", tmp_path / "out.jsonl")
    text = (tmp_path / "out.jsonl").read_text()
    assert "Köln 茶" in text
    assert [json.loads(line)["note"] for line in text.splitlines()] == ["Köln 茶", "\ud800"]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_every_input_gives_every_output(tmp_path, suffix):
    for rows in inputs(tmp_path):
        output = tmp_path / "out" / f"{rows.suffix[1:]}.{suffix}"
        assert run(rows, output) == 50
        made = read(output)
        assert [row["word"] for row in made] == [f"w{row}" for row in range(50)]
        assert [row["note"] for row in made] == [f"n{row}" for row in range(50)]
        assert [int(row["kind_actual"]) for row in made] == [row % 2 for row in range(50)]
        if suffix in ("csv", "parquet"):
            np.testing.assert_allclose([float(row["kind_yes"]) for row in made], np.arange(50) / 50)
            assert [row["kind"] for row in made] == ["no"] * 26 + ["yes"] * 24
        else:
            np.testing.assert_allclose([row["kind"]["yes"] for row in made], np.arange(50) / 50)
        assert [path.name for path in output.parent.iterdir() if path.name.startswith(".")] == []


def test_problems_of_all_batches_are_named_and_nothing_is_written(tmp_path):
    text = TEXT.replace("w3,3,", "w3,-3,").replace("w45,45,", "w45,,")
    (tmp_path / "rows.csv").write_text(text)
    output = tmp_path / "scores.csv"
    output.write_text("old")
    with refused(what=[("row 3", "x"), ("row 45", "x"), "2 of 50"], where="rows.csv"):
        run(tmp_path / "rows.csv", output)
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv", "scores.csv"]


def test_quoted_line_breaks_are_not_cut(tmp_path):
    rows = "".join(f'"w{row}",{row},"a\n""b"",{row}"\n' for row in range(50))
    (tmp_path / "rows.csv").write_text(f"word,x,note\n{rows}")
    run(tmp_path / "rows.csv", tmp_path / "scores.csv", size=100)
    assert [row["note"] for row in read(tmp_path / "scores.csv")] == [f'a\n"b",{row}' for row in range(50)]


def test_objects_that_span_lines_are_not_cut(tmp_path):
    rows = [{"word": f"w{row}", "x": row} for row in range(50)]
    (tmp_path / "rows").write_text("\n".join(json.dumps(row, indent=1) for row in rows))
    run(tmp_path / "rows", tmp_path / "scores.jsonl", size=100)
    assert [row["word"] for row in read(tmp_path / "scores.jsonl")] == [row["word"] for row in rows]


def test_columns_whose_type_changes_between_batches(tmp_path):
    header, _, rows = TEXT.partition("\n")
    (tmp_path / "rows.csv").write_text(f"{header}\n{rows.replace(',n', ',1').replace(',140', ',')}")
    assert run(tmp_path / "rows.csv", tmp_path / "scores.parquet") == 50
    (tmp_path / "rows.csv").write_text(f"{header}\n{rows.replace(',n45', ',x45').replace(',n', ',1')}")
    with refused(what="'note'", where="rows.csv", remedy="Source.types"):
        run(tmp_path / "rows.csv", tmp_path / "scores.parquet")


def test_column_with_the_name_of_a_prediction(tmp_path):
    (tmp_path / "rows.csv").write_text("word,x,kind_yes\na,1,2\n")
    with refused(what="kind_yes", where="rows.csv", remedy="rename"):
        run(tmp_path / "rows.csv", tmp_path / "scores.csv")


def test_numbers_of_a_regression(tmp_path, monkeypatch):
    recipe = Scored(X, WORD, label=Feature("pair", "float32", shape=(2,)))
    (tmp_path / "rows.csv").write_text("id,word,x\n7,a,1\n")
    run(tmp_path / "rows.csv", tmp_path / "scores.parquet", recipe=recipe)
    assert read(tmp_path / "scores.parquet") == [{"id": 7, "pair": [0.98, 0.02]}]
    run(tmp_path / "rows.csv", tmp_path / "scores.csv", recipe=recipe)
    assert read(tmp_path / "scores.csv") == [{"id": "7", "pair": "[0.98, 0.02]"}]


@pytest.mark.parametrize(("output", "name", "parts"), [("a.xlsx", None, "a.xlsx"), (None, "csvv", "'csvv'")])
def test_unknown_format_is_refused_first(tmp_path, output, name, parts):
    with refused(what=parts):
        choose_format(tmp_path / output if output else None, name)


def test_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with refused(what="scores.csv", where="--output"), open_writer(tmp_path / "file/scores.csv", "csv", RECIPE):
        pass
