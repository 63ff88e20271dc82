import csv

import numpy as np
import pytest

from firelib.errors import FirelibError
from firelib.evaluate.class_plots import picture_of
from firelib.evaluate.tasks import Binary, Classes, probabilities, task_of
from firelib.project_layout import Paths
from firelib.recipe import Feature
from tests.data.idx_files import images

PICTURE = Feature("image", "uint8", shape=(28, 28))
COLOURS = Feature("photo", "uint8", shape=(8, 8, 3))
NAMES = list("abcdefghij")


@pytest.mark.parametrize(
    ("label", "kind", "classes"),
    [
        (Feature("y", "int64", range=(0, 1)), Binary, 2),
        (Feature("y", "bool"), Binary, 2),
        (Feature("y", "uint8", range=(0, 4)), Classes, 5),
    ],
)
def test_the_label_decides(label, kind, classes):
    task = task_of(label, (), [PICTURE])
    assert type(task) is kind
    assert task.classes == classes


@pytest.mark.parametrize(
    "label",
    [None, Feature("y", "float32"), Feature("y", "int64"), Feature("y", "int64", range=(1, 3)), Feature("y", "string")],
)
def test_a_label_that_is_no_class(label):
    with pytest.raises(FirelibError) as caught:
        task_of(label, (), [])
    assert str(label) in caught.value.what
    assert "range=(0," in caught.value.remedy


def test_one_picture_is_drawn():
    number = Feature("x", "float32")
    assert picture_of([number, PICTURE]) == PICTURE
    assert picture_of([COLOURS]) == COLOURS
    assert picture_of([PICTURE, COLOURS]) is None
    assert picture_of([number, Feature("w", "uint8", shape=(4,))]) is None


def test_outputs_of_one_and_of_two():
    both = probabilities(np.array([0.2, 0.9]), 2)
    np.testing.assert_allclose(both, [[0.8, 0.2], [0.1, 0.9]])
    np.testing.assert_allclose(probabilities(both.astype("f4"), 2), both, rtol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "parts"),
    [
        (np.zeros(4), ["()", "3 classes"]),
        (np.zeros((4, 2)), ["(2,)", "3 classes"]),
        (np.array([[3.0, -4.0, 2.0]]), ["-4 to 3"]),
    ],
)
def test_outputs_that_are_no_probabilities(outputs, parts):
    with pytest.raises(FirelibError) as caught:
        probabilities(outputs, 3)
    assert all(part in caught.value.what for part in parts)
    assert "Dense(3, activation='softmax')" in caught.value.remedy


@pytest.mark.parametrize("picture", [PICTURE, None])
def test_tables_and_pictures_are_the_same_bytes_each_time(tmp_path, picture):
    pictures, labels = images(60, 0)
    score = np.random.default_rng(0).dirichlet(np.ones(10), 60)
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        paths = Paths("mine", "", folder)
        Classes(NAMES, picture).write(labels, {"model": score}, {"image": pictures}, paths)
        written.append({path.name: path.read_bytes() for path in sorted(folder.rglob("*.*"))})
    assert written[0] == written[1]
    assert set(written[0]) == {"classes.json", "confusion.csv", "confusion.png"} | (
        {"mistakes.png"} if picture else set()
    )
    with (tmp_path / "one/plots/mine/confusion.csv").open() as file:
        pairs = [(row["actual"], row["predicted"]) for row in csv.DictReader(file)]
    truth = [(NAMES[label], NAMES[chosen]) for label, chosen in zip(labels, score.argmax(1), strict=True)]
    assert pairs == sorted(truth)


def test_no_mistakes_are_an_empty_picture(tmp_path):
    pictures, labels = images(20, 0)
    paths = Paths("mine", "", tmp_path)
    Classes(NAMES, PICTURE).write(labels, {"model": np.eye(10)[labels]}, {"image": pictures}, paths)
    assert (paths.plots / "mistakes.png").read_bytes().startswith(b"\x89PNG")
