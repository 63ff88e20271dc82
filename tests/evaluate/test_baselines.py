import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from firelib.evaluate.baselines import baselines, boosted_trees, describe_weak_trees, extra_trees
from firelib.evaluate.estimators import ClassEstimator, LabelsEstimator, NumberEstimator
from firelib.evaluate.tasks.binary_metrics import compute_metrics
from firelib.recipe import Feature
from tests.data.idx_files import images

FEATURES = (
    Feature("x", "float32", nullable=True),
    Feature("count", "int64", range=(-1, 100), nullable=True, missing=-1),
    Feature("word", "string", max_length=3),
)
TWO = ClassEstimator(2)
IMAGE = (Feature("image", "uint8", shape=(28, 28)),)


def sample(rows: int, seed: int):
    random = np.random.default_rng(seed)
    batch = {
        "x": random.normal(size=rows).astype("f4"),
        "count": random.integers(-1, 100, rows),
        "word": np.array([b"a", b"bb", b"ccc"])[random.integers(0, 3, rows)],
    }
    labels = ((batch["x"] > 0) ^ (batch["word"] == b"bb")).astype(int)
    batch["x"][::10] = np.nan
    return batch, labels


def test_class_prior_is_the_share_of_training_rows():
    assert ClassEstimator(3).predict_constant(np.array([0, 0, 0, 1]), 2).tolist() == [[0.75, 0.25, 0]] * 2


@pytest.mark.parametrize("trees", [boosted_trees, extra_trees])
def test_trees_learn_from_numbers_and_strings_together(trees):
    train, labels = sample(3000, 0)
    test, truth = sample(1000, 1)
    test["word"][:5] = b"new"
    assert compute_metrics(truth, trees(train, labels, test, FEATURES, TWO)[:, 1])["roc_auc"] > 0.9


def test_trees_without_strings():
    train, labels = sample(500, 0)
    assert boosted_trees(train, labels, train, FEATURES[:2], TWO).shape == (500, 2)


def test_trees_suit_the_features():
    train, labels = sample(200, 0)
    made, notes = baselines(train, labels, train, FEATURES, TWO)
    assert list(made) == ["boosted_trees", "class_prior"]
    assert notes == []
    pictures, kinds = images(200, 0)
    made, _ = baselines({"image": pictures}, kinds, {"image": pictures[:50]}, IMAGE, ClassEstimator(10))
    assert list(made) == ["extra_trees", "class_prior"]
    assert (made["extra_trees"].argmax(1) == kinds[:50]).all()


UNUSED = (
    Feature("empty", "float32", nullable=True),
    Feature("never", "int64", nullable=True, missing=-1),
    Feature("blob", "bytes"),
    Feature("list", "int64", ragged=True),
    Feature("maybe", "float32", optional=True),
    Feature("pair", "float32", shape=(2,), optional=True),
)
USED = (
    Feature("number", "int64", optional=True),
    Feature("text", "string", optional=True),
    Feature("partly", "float32", shape=(2,), nullable=True),
)


def objects(*values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


def odd(rows: int):
    """Columns as `Dataset.as_numpy` returns them."""
    return {
        "empty": np.full(rows, np.nan, "f4"),
        "never": np.full(rows, -1),
        "blob": objects(*[b"abc"] * rows),
        "list": objects(*[[1, 2]] * rows),
        "maybe": objects(*[None] * rows),
        "pair": objects(*[[1.0, 2.0]] * rows),
        "number": objects(*[None, *range(rows - 1)]),
        "text": objects(*[None, b"a", b"b", b"", b"a"] * (rows // 5)),
        "partly": np.tile(np.float32([1, np.nan]), (rows, 1)),
    }


@pytest.mark.parametrize("trees", [boosted_trees, extra_trees])
def test_columns_that_trees_cannot_use_are_left_out(trees, monkeypatch):
    monkeypatch.setattr("firelib.evaluate.output_files._MANY_COLUMNS", 0 if trees is extra_trees else 200)
    made, notes = baselines(odd(20), np.arange(20) % 2, odd(5), (*UNUSED, *USED), TWO)
    assert made[trees.__name__].shape == (5, 2)
    for names in ("empty, never, maybe:", "blob:", "list:", "pair:"):
        assert [note for note in notes if names in note], names
    assert len(notes) == 4


@pytest.mark.parametrize(
    ("labels", "features", "parts"),
    [
        ([1] * 10, USED, ["all 10", "label 1"]),
        ([0, 1] * 5, UNUSED, ["no feature"]),
    ],
)
def test_baseline_that_cannot_be_trained_is_skipped(labels, features, parts):
    made, notes = baselines(odd(10), np.array(labels), odd(5), features, TWO)
    assert made["boosted_trees"] is None
    assert made["class_prior"].shape == (5, 2)
    assert all(part in notes[-1] for part in ("boosted_trees", *parts))


@pytest.mark.parametrize("labels", [[0] * 99 + [1], [0, 1, 1, 1, 1], list(range(6)), [0, 0, 1, 1]])
def test_few_rows_and_rare_classes(labels):
    rows = len(labels)
    batch = {"x": np.arange(rows, dtype="f4")}
    made, notes = baselines(batch, np.array(labels), batch, (Feature("x", "float32"),), ClassEstimator(6))
    assert made["boosted_trees"].shape == (rows, 6)
    assert notes == []


def test_error_of_a_baseline_is_a_note(monkeypatch):
    def failing(*_):
        raise ValueError("too large\nfor trees")

    monkeypatch.setattr("firelib.evaluate.baselines.boosted_trees", failing)
    made, notes = baselines(odd(10), np.arange(10) % 2, odd(5), USED, TWO)
    assert made["boosted_trees"] is None
    assert notes == ["no boosted_trees: ValueError: too large for trees"]


def test_class_missing_in_training_gets_probability_zero():
    pictures, kinds = images(100, 0)
    score = extra_trees({"image": pictures}, kinds % 3, {"image": pictures}, IMAGE, ClassEstimator(5))
    assert score.shape == (100, 5)
    assert (score[:, 3:] == 0).all()


@pytest.mark.parametrize("trees", [boosted_trees, extra_trees])
def test_scores_do_not_depend_on_the_number_of_threads(trees, monkeypatch):
    train, labels = sample(600, 0)
    test, _ = sample(200, 1)
    scores, used = [], []
    for threads in (1, 2):
        monkeypatch.setattr(
            "firelib.evaluate.baselines.free_cores", lambda threads=threads: used.append(threads) or threads
        )
        scores.append(trees(train, labels, test, FEATURES, TWO))
    assert used == [1, 2]
    np.testing.assert_array_equal(*scores)


def test_boosting_uses_at_most_the_idle_cores(monkeypatch):
    train, labels = sample(500, 0)
    seen = []

    class Watched(HistGradientBoostingClassifier):
        def fit(self, *arguments):
            seen.append(_openmp_effective_n_threads())
            return super().fit(*arguments)

    monkeypatch.setattr("firelib.evaluate.estimators.HistGradientBoostingClassifier", Watched)
    monkeypatch.setattr("firelib.evaluate.baselines.free_cores", lambda: 1)
    boosted_trees(train, labels, train, FEATURES, TWO)
    assert seen == [1]


NUMBERS = (Feature("x", "float32"), Feature("z", "float32"))


def numbers(rows: int, seed: int):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=rows).astype("f4") for name in ("x", "z")}


@pytest.mark.parametrize("trees", [boosted_trees, extra_trees])
def test_trees_estimate_a_number(trees):
    train, test = numbers(2000, 0), numbers(200, 1)
    score = trees(train, 3 * train["x"] - train["z"], test, NUMBERS, NumberEstimator(is_single=True))
    error = np.abs(score - (3 * test["x"] - test["z"])).mean()
    assert score.shape == (200,)
    assert error < 0.5


def test_several_numbers_take_a_forest():
    train, test = numbers(300, 0), numbers(20, 1)
    labels = np.stack([train["x"], train["z"]], axis=1)
    made, notes = baselines(train, labels, test, NUMBERS, NumberEstimator(is_single=False))
    assert {name: score.shape for name, score in made.items()} == {"extra_trees": (20, 2), "training_mean": (20, 2)}
    np.testing.assert_allclose(made["training_mean"], np.tile(labels.mean(axis=0), (20, 1)), atol=1e-6)
    assert notes == []


def test_several_labels_of_which_two_do_not_vary():
    train, test = numbers(300, 0), numbers(20, 1)
    labels = np.stack([train["x"] > 0, np.zeros(300, bool), np.ones(300, bool)], axis=1)
    made, notes = baselines(train, labels, test, NUMBERS, LabelsEstimator())
    assert list(made) == ["extra_trees", "label_prior"]
    assert ((made["extra_trees"][:, 0] > 0.5) == (test["x"] > 0)).mean() > 0.8
    assert (made["extra_trees"][:, 1:] == [0, 1]).all()
    np.testing.assert_allclose(made["label_prior"][0], labels.mean(axis=0))
    assert notes == []


def test_one_label_in_an_array():
    train, test = numbers(300, 0), numbers(20, 1)
    made, _ = baselines(train, (train["x"] > 0)[:, None], test, NUMBERS, LabelsEstimator())
    assert made["extra_trees"].shape == (20, 1)


@pytest.mark.parametrize("estimator", [NumberEstimator(is_single=True), LabelsEstimator()])
def test_labels_that_do_not_vary(estimator):
    labels = np.ones((10, 3)) if isinstance(estimator, LabelsEstimator) else np.ones(10)
    made, notes = baselines(numbers(10, 0), labels, numbers(5, 1), NUMBERS, estimator)
    assert [score is None for score in made.values()] == [True, False]
    assert "10" in notes[0]


def test_forest_of_many_labels_is_bounded(monkeypatch):
    monkeypatch.setattr("firelib.evaluate.estimators._FOREST_BYTES", 100 * 2 * 8 * 6 * 7)
    labels = np.random.default_rng(0).random((300, 3)) > 0.5
    assert LabelsEstimator().build_forest(labels, 1).max_leaf_nodes == 7
    assert LabelsEstimator().build_forest(labels[:7], 1).max_leaf_nodes is None
    assert NumberEstimator(is_single=False).build_forest(labels, 1).max_leaf_nodes == 14
    assert ClassEstimator(2).build_forest(labels[:, 0], 1).max_leaf_nodes == 21


@pytest.mark.parametrize(
    ("metric", "trees", "is_weak"), [("log_loss", 2.6, True), ("rmse", 0.7, False), ("r2", 0.1, False)]
)
def test_trees_that_are_worse_than_the_constant_are_named(metric, trees, is_weak):
    results = {"model": {metric: 0.3}, "boosted_trees": {metric: trees}, "class_prior": {metric: 0.8}}
    notes = describe_weak_trees(results, "class_prior")
    assert len(notes) == is_weak
    assert all("boosted trees" in note and "2.6" in note for note in notes)
    assert describe_weak_trees({"model": {}, "class_prior": {metric: 0.8}}, "class_prior") == []
