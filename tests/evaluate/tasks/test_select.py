import numpy as np
import pytest

from firelib.evaluate.tasks.binary import Binary
from firelib.evaluate.tasks.classes import Classes
from firelib.evaluate.tasks.multilabel import MultiLabel
from firelib.evaluate.tasks.regression import Regression
from firelib.evaluate.tasks.select import select_task
from firelib.project_layout import Paths
from firelib.recipe import Feature
from tests.errors import refused


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        (Feature("y", "int64", range=(0, 1)), Binary),
        (Feature("y", "bool"), Binary),
        (Feature("y", "float32", range=(0, 1)), Binary),
        (Feature("y", "uint8", range=(0, 4)), Classes),
        (Feature("y", "int8", range=(0, 1), shape=(3,)), MultiLabel),
        (Feature("y", "float32"), Regression),
        (Feature("y", "int64", range=(1, 3)), Regression),
    ],
)
def test_label_selects_the_task(label, kind):
    assert type(select_task(label, (), [])) is kind


def test_dataset_without_a_label():
    with refused(what="no label", remedy="label"):
        select_task(None, (), [])


TASKS = {
    "binary": (Binary(), (2,), ()),
    "classes": (Classes(["a", "b"], None), (2,), ()),
    "multilabel": (MultiLabel(["a", "b"]), (2,), (2,)),
    "regression": (Regression(Feature("y", "float32"), [Feature("x", "float32")]), (), ()),
    "numbers": (Regression(Feature("y", "float32", shape=(2,)), []), (2,), (2,)),
}


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("name", TASKS)
def test_all_files_are_written_without_scores(tmp_path, name, rows):
    """DVC fails if an output that dvc.yaml declares is missing."""
    task, score_shape, label_shape = TASKS[name]
    labels, score, test = np.zeros((rows, *label_shape), int), np.full((rows, *score_shape), 0.5), {"x": np.ones(rows)}
    written = []
    for folder, scores in (("all", (score, score)), ("model", (score, None)), ("baseline", (None, score))):
        paths = Paths("mine", "", tmp_path / folder)
        task.write(labels, dict(zip(("model", "trees"), scores, strict=True)) | {"constant": score}, test, paths)
        written.append({path.name for path in (tmp_path / folder).rglob("*.*")})
    assert written[0] == written[1] == written[2]
    assert written[0]
