"""Select the task that suits a label."""

from collections.abc import Sequence

from firelib.errors import FirelibError
from firelib.evaluate.output_files import find_image_feature
from firelib.evaluate.tasks.binary import Binary
from firelib.evaluate.tasks.classes import Classes
from firelib.evaluate.tasks.multilabel import MultiLabel
from firelib.evaluate.tasks.regression import Regression
from firelib.evaluate.tasks.task import Task
from firelib.recipe import Feature, TaskKind, count_outputs, infer_task


def select_task(label: Feature | None, names: Sequence[str], features: Sequence[Feature]) -> Task:
    """Select the task that suits a label.

    Args:
        label: The label in the manifest.
        names: Names of its classes or labels; may be empty.
        features: The features; if exactly one is an image, misclassified images are drawn.

    Raises:
        FirelibError: There is no label, or it is one that `infer_task` refuses.
    """
    if label is None:
        raise FirelibError(
            "the dataset has no label", where="manifest.json", remedy="declare `label`, then run firelib transform"
        )
    kind, count = infer_task(label), count_outputs(label)[0]
    names = list(names) or [str(value) for value in range(count)]
    match kind:
        case TaskKind.BINARY:
            return Binary()
        case TaskKind.MULTICLASS:
            return Classes(names, find_image_feature(features))
        case TaskKind.MULTILABEL:
            return MultiLabel(names)
        case TaskKind.REGRESSION:
            return Regression(label, features)
