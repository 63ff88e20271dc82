import csv

import numpy as np
import pytest

from firelib.evaluate.class_plots import find_image_feature
from firelib.evaluate.tasks import Binary, Classes, select_task
from firelib.project_layout import Paths
from firelib.recipe import Feature
from tests.data.idx_files import images
from tests.errors import refused

IMAGE = Feature("image", "uint8", shape=(28, 28))
COLOR_IMAGE = Feature("photo", "uint8", shape=(8, 8, 3))
NAMES = list("abcdefghij")


@pytest.mark.parametrize(
    ("label", "kind", "classes"),
    [
        (Feature("y", "int64", range=(0, 1)), Binary, 2),
        (Feature("y", "bool"), Binary, 2),
        (Feature("y", "float32", range=(0, 1)), Binary, 2),
        (Feature("y", "uint8", range=(0, 4)), Classes, 5),
    ],
)
def test_label_selects_the_task(label, kind, classes):
    task = select_task(label, (), [IMAGE])
    assert type(task) is kind
    assert task.classes == classes


@pytest.mark.parametrize(
    "label",
    [
        None,
        Feature("y", "float32"),
        Feature("y", "float32", range=(0, 100)),
        Feature("y", "int64"),
        Feature("y", "int64", range=(1, 3)),
        Feature("y", "int64", shape=(2,), range=(0, 1)),
        Feature("y", "string"),
    ],
)
def test_label_that_is_not_a_class(label):
    with refused(what=str(label), where="label", remedy="range=(0"):
        select_task(label, (), [])


def test_only_a_single_image_is_drawn():
    number = Feature("x", "float32")
    assert find_image_feature([number, IMAGE]) == IMAGE
    assert find_image_feature([COLOR_IMAGE]) == COLOR_IMAGE
    assert find_image_feature([IMAGE, COLOR_IMAGE]) is None
    assert find_image_feature([number, Feature("w", "uint8", shape=(4,))]) is None


def test_optional_image_is_not_drawn():
    assert find_image_feature([Feature("image", "uint8", shape=(28, 28), optional=True)]) is None


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_has_no_ranking(label):
    task, labels = Binary(), np.full(4, label)
    assert set(task.metrics(labels, np.full((4, 2), 0.5))) == {"log_loss", "brier", "accuracy"}
    (gap,) = task.describe_gaps(labels)
    assert all(str(part) in gap for part in ("roc_auc", "average_precision", 4, label))
    assert task.describe_gaps(np.array([0, 1])) == task.describe_gaps(labels[:0]) == []


def test_classes_without_a_row_are_named():
    task = Classes(NAMES, None)
    (gap,) = task.describe_gaps(np.array([0, 0, 2, 3, 4, 5, 6, 7, 8]))
    assert "b, j" in gap
    assert task.describe_gaps(np.arange(10)) == []


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("task", [Binary(), Classes(["a", "b"], None)], ids=["binary", "classes"])
def test_all_files_are_written_without_scores(tmp_path, task, rows):
    """DVC fails if an output that dvc.yaml declares is missing."""
    labels, score = np.zeros(rows, int), np.full((rows, 2), 0.5)
    written = []
    for name, scores in (("all", (score, score)), ("model", (score, None)), ("baseline", (None, score))):
        paths = Paths("mine", "", tmp_path / name)
        task.write(labels, dict(zip(("model", "trees"), scores, strict=True)) | {"class_prior": score}, {}, paths)
        written.append({path.name for path in (tmp_path / name).rglob("*.*")})
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize("image", [IMAGE, None])
def test_same_inputs_give_the_same_bytes(tmp_path, image):
    samples, labels = images(60, 0)
    score = np.random.default_rng(0).dirichlet(np.ones(10), 60)
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        paths = Paths("mine", "", folder)
        Classes(NAMES, image).write(labels, {"model": score}, {"image": samples}, paths)
        written.append({path.name: path.read_bytes() for path in sorted(folder.rglob("*.*"))})
    assert written[0] == written[1]
    assert set(written[0]) == {"classes.json", "confusion.csv", "confusion.png"} | (
        {"mistakes.png"} if image else set()
    )
    with (tmp_path / "one/plots/mine/confusion.csv").open() as file:
        pairs = [(row["actual"], row["predicted"]) for row in csv.DictReader(file)]
    truth = [(NAMES[label], NAMES[chosen]) for label, chosen in zip(labels, score.argmax(1), strict=True)]
    assert pairs == sorted(truth)


def test_no_mistakes_give_an_empty_plot(tmp_path):
    samples, labels = images(20, 0)
    paths = Paths("mine", "", tmp_path)
    Classes(NAMES, IMAGE).write(labels, {"model": np.eye(10)[labels]}, {"image": samples}, paths)
    assert (paths.plots / "mistakes.png").read_bytes().startswith(b"\x89PNG")
