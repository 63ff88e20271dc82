"""`firelib predict`, `firelib serve` and a process with nothing but TensorFlow predict the same."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from firelib.evaluate.input_rows.read import read_rows
from firelib.evaluate.predict import predict
from firelib.serve.app import build_app
from firelib.serve.batcher import BatchLimits
from firelib.serve.predictor import Limits
from firelib.serve.scorer import Scorer
from tests.patience import patience
from tests.project import ROOT
from tests.serve.models import CASES, export_case

LIMITS = Limits(1 << 20, 100, BatchLimits(64, 0.01, 1000))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp(name) / "models/scored" for name in CASES}
    for name, folder in folders.items():
        export_case(name, folder)
    return folders


@pytest.fixture(scope="module")
def clean(folders):
    """Case → outputs of a process that imports TensorFlow only."""
    jobs = "".join(
        json.dumps({"folder": str(folder / "saved_model"), "rows": filled(name)}) + "\n"
        for name, folder in folders.items()
    )
    program = Path(__file__).with_name("clean_tensorflow.py")
    done = subprocess.run(
        [sys.executable, program], input=jobs, capture_output=True, text=True, timeout=patience(180), check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(folders, map(json.loads, done.stdout.splitlines()), strict=True))


def filled(name):
    """Rows of features, in which missing numbers are what the model gets for them."""
    case = CASES[name]
    missing = {feature.name: feature.missing or float("nan") for feature in case.recipe.features}
    rows = case.prepared or case.rows
    return [{key: missing[key] if value is None else value for key, value in row.items()} for row in rows]


def numbers(predictions, recipe):
    """Predictions as an array, classes in their order."""
    names = list(recipe.classes)
    return np.array([[value[name] for name in names] if isinstance(value, dict) else [value] for value in predictions])


def test_documentation_shows_the_clean_program():
    function = Path(__file__).with_name("clean_tensorflow.py").read_text().split("\n\n\n")[1]
    assert function.startswith("def score(")
    assert function in (ROOT / "docs/serving.md").read_text()


@pytest.mark.integration
@pytest.mark.parametrize("name", CASES)
def test_predict_serve_and_tensorflow_agree(name, folders, clean, tmp_path):
    case = CASES[name]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in case.rows))
    label = case.recipe.label.name
    offline = predict(read_rows(str(tmp_path / "rows.jsonl"), case.recipe), case.recipe, folders[name])
    scorer = Scorer(case.recipe, folders[name])
    scorer.warm_up()
    with TestClient(build_app(case.recipe, scorer, LIMITS)) as client:
        online = client.post("/predict", json={"rows": case.rows}).json()["predictions"]
    expected = np.array(clean[name]).reshape(len(case.rows), -1)
    np.testing.assert_allclose(numbers([row[label] for row in offline], case.recipe), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(numbers(online, case.recipe), expected, rtol=0, atol=1e-6)
