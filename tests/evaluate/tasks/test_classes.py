import csv

import numpy as np
import pytest

from firelib.evaluate.tasks.classes import Classes
from firelib.project_layout import Paths
from firelib.recipe import Feature
from tests.data.idx_files import images

IMAGE = Feature("image", "uint8", shape=(28, 28))
NAMES = list("abcdefghij")


def test_classes_without_a_row_are_named():
    task = Classes(NAMES, None)
    (gap,) = task.describe_gaps(np.array([0, 0, 2, 3, 4, 5, 6, 7, 8]))
    assert "b, j" in gap
    assert task.describe_gaps(np.arange(10)) == []


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
