"""The HTTP interface, with a model that needs no TensorFlow."""

import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient

from firelib.recipe import Feature, Source
from firelib.serve.app import build_app
from firelib.serve.batcher import BatchLimits
from firelib.serve.predictor import Limits
from tests.evaluate.scored import Scored

RECIPE = Scored(
    Feature("x", "float32", range=(0, 10), description="a number"),
    Feature("word", "string", max_length=3, nullable=True),
    label=Feature("y", "float32"),
)
LIMITS = Limits(body_bytes=2000, rows=20, batch=BatchLimits(rows=8, seconds=0.01, waiting_rows=100))


class Doubling:
    """Twice the number."""

    def __init__(self, folder):
        self.folder = folder

    def score(self, columns):
        if (columns["x"] == 7).any():
            raise ValueError(f"a secret path: {self.folder}")
        return columns["x"].astype(np.float64) * 2


@pytest.fixture
def client(tmp_path):
    lineage = {"created": "now", "data": {"run": "scored-1", "tracking_id": None}, "params": {"secret": 1}}
    (tmp_path / "lineage.json").write_text(json.dumps(lineage))
    with TestClient(build_app(RECIPE, Doubling(tmp_path), LIMITS), raise_server_exceptions=False) as client:
        yield client


ROW = {"x": 1.5, "word": "up"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ROW, [3]),
        ([ROW, {"x": 2, "word": None}], [3, 4]),
        ({"rows": [ROW]}, [3]),
        ({"instances": [ROW, {**ROW, "id": 4}]}, [3, 3]),
        ({"columns": {"x": [1, 2.5], "word": ["a", "b"]}}, [2, 5]),
        ({"x": 1}, [2]),
    ],
)
def test_rows_in_every_form(client, body, expected):
    response = client.post("/predict", json=body)
    assert response.status_code == 200
    assert response.json() == {"predictions": expected}


def test_invalid_rows_are_named_by_row_column_and_value(client):
    response = client.post("/predict", json=[ROW, {"x": 11, "word": "up"}, {"x": "1", "word": "long"}, {"wrd": "a"}])
    assert response.status_code == 422
    found = response.json()
    assert found["error"].startswith("3 of 4")
    assert {(problem["row"], problem["column"], problem["value"]) for problem in found["problems"]} == {
        (1, "x", 11),
        (2, "x", "1"),
        (2, "word", "long"),
        (3, "x", None),
        (3, "word", None),
    }
    remedies = {problem["column"]: problem["remedy"] for problem in found["problems"]}
    assert "0 to 10" in remedies["x"]
    assert "3 bytes" in remedies["word"]
    assert "'wrd'" in str(found)


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"{", 422, "JSON"),
        (b"", 422, "JSON"),
        (b"1", 422, "int"),
        (b"[]", 422, "none"),
        (b"[1]", 422, "row 0"),
        (b'{"x": 1, "x": 2}', 422, "'x'"),
        (b'{"columns": {"x": [1], "x": [2]}}', 422, "'x'"),
        (b'{"columns": {"x": [1], "word": []}}', 422, "one length"),
        (b'{"columns": {"x": 1}}', 422, "'x'"),
        (json.dumps([{"x": 1}] * 21).encode(), 413, "21"),
        (b" " * 2001, 413, "2,001"),
    ],
)
def test_other_requests_are_refused_with_a_remedy(client, body, status, part):
    response = client.post("/predict", content=body)
    assert response.status_code == status
    assert part in response.json()["error"]
    assert response.json()["remedy"]


def test_body_without_a_length_is_limited(client):
    response = client.post("/predict", content=(b" " * 100 for _ in range(30)))
    assert response.status_code == 413


def test_failing_model_tells_no_internals(client, tmp_path, capsys):
    response = client.post("/predict", json={"x": 7})
    assert response.status_code == 500
    assert str(tmp_path) not in response.text
    assert "Traceback" not in response.text
    assert str(tmp_path) in capsys.readouterr().err.replace("\n", "")


class Prepared(Scored):
    def prepare(self, rows):
        if (rows["km"] == 13).any():
            raise ValueError("a secret of the recipe")
        return rows if (rows["km"] == 14).any() else rows.assign(x=rows["km"] * 2)


class Short(Scored):
    def prepare(self, rows):
        return rows.iloc[:0]


@contextmanager
def serving(recipe, folder, **limits):
    app = build_app(recipe, Doubling(folder), replace(LIMITS, **limits))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("row", [{"km": 1.5}, {"km": 1.5, "x": 9}])
def test_raw_rows_are_prepared(tmp_path, row):
    with serving(Prepared(Feature("x", "float32")), tmp_path) as client:
        assert client.post("/predict", json=row).json() == {"predictions": [6]}


@pytest.mark.parametrize(
    ("rows", "row", "column"),
    [
        ([{"miles": 1}], 0, "km"),
        ([{"km": 1}, {"km": 13}], 1, None),
        ([{"km": "far"}], 0, "km"),
        ([{"km": 14}], 0, "x"),
    ],
)
def test_rows_that_cannot_be_prepared_are_the_mistake_of_the_client(tmp_path, capsys, rows, row, column):
    recipe = Prepared(Feature("x", "float32"), sources={"rows": Source("rows.csv", types={"km": "float64"})})
    with serving(recipe, tmp_path) as client:
        response = client.post("/predict", json=rows)
    assert response.status_code == 422
    (problem,) = response.json()["problems"]
    assert (problem["row"], problem["column"]) == (row, column)
    assert "raw data" in problem["remedy"]
    assert "secret" not in response.text
    assert ("secret" in capsys.readouterr().err) == (column is None)


def test_mistake_of_the_recipe_tells_no_internals(tmp_path, capsys):
    with serving(Short(Feature("x", "float32")), tmp_path) as client:
        response = client.post("/predict", json={"x": 1})
    assert response.status_code == 500
    assert "scored" not in response.text
    assert "scored" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ['[{"x": 1, "word": "\\ud800"}]', '[{"x": 1, "word": "a", "wrd\\ud800": 1}, {"x": "\\ud800"}]']
)
def test_invalid_unicode_is_refused(client, text):
    response = client.post("/predict", content=text)
    assert response.status_code == 422
    assert response.json()["problems"]


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, "1" * 400, "-" + "1" * 400, "1e999", '{"a": {}}'])
def test_extreme_values_are_refused(client, value):
    response = client.post("/predict", content=f'{{"x": {value}, "word": "a"}}')
    assert response.status_code == 422
    assert response.json()["remedy"]


@pytest.mark.parametrize("text", ["[" * 1500, '{"x":' * 300 + "1" + "}" * 300])
def test_deep_requests_are_refused(client, text):
    assert client.post("/predict", content=text).status_code == 422


def test_outputs_that_json_lacks(tmp_path):
    class Broken(Doubling):
        def score(self, columns):
            return np.array([np.nan, np.inf, 1.0])

    with TestClient(build_app(RECIPE, Broken(tmp_path), LIMITS)) as client:
        response = client.post("/predict", json=[ROW] * 3)
    assert response.json() == {"predictions": [None, "inf", 1]}


def test_schema_of_half_open_ranges(tmp_path):
    features = (Feature("x", "float32", range=(0, math.inf)), Feature("z", "float32", range=(-math.inf, 3)))
    with serving(Scored(*features), tmp_path) as client:
        ranges = [feature["range"] for feature in client.get("/schema").json()["features"]]
        remedies = client.post("/predict", json={"x": -1, "z": 4}).json()["problems"]
    assert ranges == [[0, None], [None, 3]]
    assert not any("inf" in problem["remedy"] for problem in remedies)


def test_health_is_answered_while_rows_are_converted(tmp_path):
    entered, go = threading.Event(), threading.Event()

    class Slow(Scored):
        def prepare(self, rows):
            entered.set()
            assert go.wait(10)
            return rows

    with serving(Slow(Feature("x", "float32")), tmp_path) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.post, "/predict", json={"x": 1})
        assert entered.wait(10)
        assert client.get("/health").status_code == 200
        go.set()
        assert answer.result().json() == {"predictions": [2]}


def test_schema_health_and_metrics(client):
    schema = client.get("/schema").json()
    assert schema["features"][0] == {"name": "x", "dtype": "float32", "range": [0, 10], "description": "a number"}
    assert schema["label"] == {"name": "y", "dtype": "float32", "task": "regression"}
    assert schema["model"]["run"] == "scored-1"
    assert "secret" not in json.dumps(schema)
    assert client.get("/health").json() == {"status": "ok", "recipe": "scored", "run": "scored-1"}
    client.post("/predict", json=[ROW, ROW])
    client.post("/predict", content=b"")
    figures = client.get("/metrics").text
    assert 'firelib_requests_total{status="200"} 1' in figures
    assert 'firelib_requests_total{status="422"} 1' in figures
    assert "firelib_rows_total 2" in figures
    assert "firelib_request_seconds_count 2" in figures


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/docs", 404), ("GET", "/predict", 405)])
def test_unknown_paths(client, method, path, status):
    response = client.request(method, path)
    assert response.status_code == status
    assert "/predict" in response.json()["remedy"]
