"""The stage on datasets that do not allow every metric and baseline: it ends, and says what it leaves out."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from firelib import write_tfrecords
from firelib.config import Evaluate, load_params
from firelib.console_tables import comparison_table, read_results
from firelib.evaluate.evaluate import evaluate
from firelib.evaluate.output_files import evaluate_outputs
from firelib.project_layout import Paths
from firelib.recipe import Feature
from tests.errors import refused
from tests.evaluate.scored import Scored
from tests.project import ROOT

NUMBER = Feature("number", "float32")
ODD = (
    NUMBER,
    Feature("blob", "bytes"),
    Feature("steps", "int64", ragged=True),
    Feature("empty", "float32", nullable=True),
    Feature("maybe", "string", optional=True),
)


def table(rows: int, labels):
    return pa.table(
        {
            "number": np.arange(rows, dtype="f4"),
            "blob": [b"abc"] * rows,
            "steps": [[1, 2]] * rows,
            "empty": pa.nulls(rows, pa.float32()),
            "maybe": pa.array(["a", None] * (rows // 2) + ["b"] * (rows % 2)),
            "up": labels,
        }
    )


@pytest.fixture
def project(tmp_path):
    """A function that makes a project with a dataset and a model, and evaluates it."""
    import keras

    def make(
        train,
        test,
        features=(NUMBER,),
        outputs=lambda number: keras.ops.sigmoid(number - 3),
        classes=2,
        label=None,
        kinds=("constant", "trees"),
    ):
        paths = Paths("scored", str(tmp_path / "storage"), tmp_path)
        label = label or Feature("up", "int64", range=(0, classes - 1))
        splits = {"train": table(len(train), train), "test": table(len(test), test)}
        write_tfrecords(splits, str(paths.tfrecords), features, label=label)
        number = keras.Input((), name="number")
        paths.model.mkdir(parents=True)
        keras.Model({"number": number}, outputs(number[:, None])).save(paths.model / "model.keras")
        paths.plots.mkdir(parents=True, exist_ok=True)
        (paths.plots / "training.csv").write_text("step,loss\n1,0.5\n")
        (paths.plots / "validation.csv").write_text("epoch,val_loss\n1,0.5\n")
        recipe = Scored(*features, label=label)
        results = evaluate(recipe, paths, kinds)
        params = load_params(ROOT / "params.yaml").model_copy(update={"evaluate": Evaluate(baselines=list(kinds))})
        written = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("[mp][el]*s/**/*.*")}
        assert written == {*evaluate_outputs(recipe, params), *(f"plots/scored/{name}.csv" for name in LOSSES)}
        assert read_results(paths) == results
        comparison_table(results)
        return results, json.loads(paths.test_metrics.read_text()).get("notes", []), paths

    return make


LOSSES = ("training", "validation")
ALTERNATING = np.arange(40) % 2


def test_everything_is_measured(project):
    results, notes, paths = project(ALTERNATING, ALTERNATING)
    assert list(results) == ["model", "boosted_trees", "class_prior"]
    assert notes == []
    assert "notes" not in paths.test_metrics.read_text()


def test_files_of_another_task_are_removed(project, tmp_path):
    """`project` compares the files with the list."""
    for path in ("metrics/scored/classes.json", "plots/scored/confusion.png", "plots/scored/residuals.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    project(ALTERNATING, ALTERNATING)


@pytest.mark.parametrize(
    ("kinds", "names"), [(("constant",), ["class_prior"]), (("trees",), ["boosted_trees"]), ((), [])]
)
def test_baselines_can_be_left_out(project, kinds, names):
    results, notes, _ = project(ALTERNATING, ALTERNATING, kinds=kinds)
    assert list(results) == ["model", *names]
    assert notes == []


def test_float_labels_are_classes_or_refused(project, tmp_path):
    floats = ALTERNATING.astype("f4")
    zero_to_one = Feature("up", "float32", range=(0, 1))
    assert "roc_auc" in project(floats, floats, label=zero_to_one)[0]["model"]
    shutil.rmtree(tmp_path / "models")
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / "plots")
    with refused(what=0.25, where="up", remedy="drop its range"):
        project(floats, floats / 4, label=zero_to_one)


def test_bytes_lists_and_missing_values(project):
    results, notes, _ = project(ALTERNATING, ALTERNATING, ODD)
    assert list(results) == ["model", "boosted_trees", "class_prior"]
    assert results["model"].keys() == results["boosted_trees"].keys()
    assert [[name for name in ("blob", "steps", "empty", "maybe") if name in note] for note in notes] == [
        ["blob"],
        ["steps"],
        ["empty"],
    ]


@pytest.mark.parametrize(
    ("train", "test", "lacking", "parts"),
    [
        (ALTERNATING, [1, 1, 1], {"roc_auc", "average_precision"}, ["roc_auc", "3 test rows", "label 1"]),
        (ALTERNATING, [0], {"roc_auc", "average_precision"}, ["1 test rows", "label 0"]),
        ([0, 0, 0], [0, 1], set(), ["boosted_trees", "label 0"]),
        ([0, 1, 1, 1, 1], [0, 1], set(), []),
        ([0] * 99 + [1], [0, 1], set(), ["boosted trees", "log loss"]),
    ],
    ids=["one class", "one row", "one class in training", "five rows", "rare class"],
)
def test_splits_that_lack_a_class(project, train, test, lacking, parts):
    results, notes, paths = project(np.array(train), np.array(test))
    every = {"roc_auc", "average_precision", "log_loss", "brier", "accuracy"}
    assert set(results["model"]) == every - lacking
    assert all(part in " ".join(notes) for part in parts)
    assert bool(notes) == bool(parts)
    for kind in ("roc", "precision_recall", "calibration"):
        for name in (f"{kind}.png", f"{kind}_model.csv", f"{kind}_boosted_trees.csv"):
            assert (paths.plots / name).is_file(), name


def test_regression(project):
    numbers = np.arange(40, dtype="f4")
    results, notes, paths = project(numbers, numbers, outputs=lambda number: number, label=Feature("up", "float32"))
    assert list(results) == ["model", "boosted_trees", "training_mean"]
    assert results["model"] == {"mae": 0, "rmse": 0, "r2": 1}
    assert all(part in " ".join(notes) for part in ("mape", "1 of 40"))
    assert {path.name for path in paths.plots.iterdir()} >= {"predicted.png", "residuals.png", "worst_rows.csv"}


def test_several_labels(project):
    import keras

    labels = pa.array([[row % 2 == 0, row > 20] for row in range(40)])
    results, notes, paths = project(
        labels,
        labels,
        outputs=lambda number: keras.ops.sigmoid(keras.ops.concatenate([number * 0, number - 20.5], axis=1)),
        label=Feature("up", "bool", shape=(2,)),
    )
    assert list(results) == ["model", "extra_trees", "label_prior"]
    assert results["model"]["exact_match"] == 0.5
    assert notes == []
    assert set(json.loads(paths.class_metrics.read_text())) == {"0", "1"}


def test_no_test_rows(project):
    results, notes, _ = project(ALTERNATING, np.zeros(0, int))
    assert results["model"] == {}
    assert "data.split.test" in notes[0]


def test_model_that_returns_nan(project):
    results, notes, _ = project(ALTERNATING, ALTERNATING, outputs=lambda number: number * np.nan)
    assert results["model"] == {}
    assert set(results["boosted_trees"]) == {"roc_auc", "average_precision", "log_loss", "brier", "accuracy"}
    assert "40 of 40" in notes[0]


def test_logits_are_converted(project):
    results, notes, _ = project(ALTERNATING, ALTERNATING, outputs=lambda number: number - 3)
    assert len(results["model"]) == 5
    assert all(part in notes[0] for part in ("-3 to 36", "sigmoid"))


def test_class_without_rows(project):
    import keras

    results, notes, _ = project(
        ALTERNATING, ALTERNATING, classes=3, outputs=lambda number: keras.ops.softmax(number * np.ones((1, 3)))
    )
    assert set(results["model"]) == {"accuracy", "log_loss", "macro_f1"}
    assert "1 of 3 classes" in notes[0]
