import pytest

from firelib.recipe import Feature, TaskKind, count_outputs, infer_task
from tests.errors import refused


@pytest.mark.parametrize(
    ("label", "kind", "outputs"),
    [
        (Feature("y", "bool"), TaskKind.BINARY, (1, 2)),
        (Feature("y", "int64", range=(0, 1)), TaskKind.BINARY, (1, 2)),
        (Feature("y", "uint8", range=(0, 4)), TaskKind.MULTICLASS, (5,)),
        (Feature("y", "bool", shape=(7,)), TaskKind.MULTILABEL, (7,)),
        (Feature("y", "int8", shape=(7,), range=(0, 1)), TaskKind.MULTILABEL, (7,)),
        (Feature("y", "float32"), TaskKind.REGRESSION, (1,)),
        (Feature("y", "float64", range=(0, 1)), TaskKind.BINARY, (1, 2)),
        (Feature("y", "float64", range=(0, 100)), TaskKind.REGRESSION, (1,)),
        (Feature("y", "float32", range=(0, 1), shape=(2,)), TaskKind.REGRESSION, (2,)),
        (Feature("y", "bfloat16", shape=(2, 3)), TaskKind.REGRESSION, (6,)),
        (Feature("y", "int64"), TaskKind.REGRESSION, (1,)),
        (Feature("y", "int64", range=(1, 5)), TaskKind.REGRESSION, (1,)),
        (Feature("y", "uint8", shape=(4,), range=(0, 9)), TaskKind.REGRESSION, (4,)),
    ],
)
def test_declaration_decides(label, kind, outputs):
    assert infer_task(label) is kind
    assert count_outputs(label) == outputs


@pytest.mark.parametrize(
    ("label", "word"),
    [
        (Feature("y", "string", max_length=3), "string"),
        (Feature("y", "bytes"), "bytes"),
        (Feature("y", "float32", ragged=True), "ragged"),
        (Feature("y", "int64", optional=True), "optional"),
    ],
)
def test_label_that_is_no_number(label, word):
    with refused(what=word, where="'y'", remedy="range=(0, classes - 1)"):
        infer_task(label)


def test_labels_of_two_values_have_one_axis():
    with refused(what="(2, 3)", where="'y'", remedy="(6,)"):
        infer_task(Feature("y", "bool", shape=(2, 3)))
