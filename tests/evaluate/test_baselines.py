import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from firelib.evaluate import classes
from firelib.evaluate.baselines import baselines, boosted_trees, class_prior, extra_trees
from firelib.evaluate.metrics import metrics
from firelib.recipe import Feature
from tests.data.idx_files import images

FEATURES = (
    Feature("x", "float32", nullable=True),
    Feature("count", "int64", range=(-1, 100), nullable=True, missing=-1),
    Feature("word", "string", max_length=3),
)
PICTURE = (Feature("image", "uint8", shape=(28, 28)),)


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


def test_prior_is_the_training_share():
    assert class_prior(np.array([0, 0, 0, 1]), 2, 3).tolist() == [[0.75, 0.25, 0]] * 2


@pytest.mark.parametrize("trees", [boosted_trees, extra_trees])
def test_trees_learn_from_numbers_and_words_together(trees):
    train, labels = sample(3000, 0)
    test, truth = sample(1000, 1)
    test["word"][:5] = b"new"
    assert metrics(truth, trees(train, labels, test, FEATURES, 2)[:, 1])["roc_auc"] > 0.9


def test_trees_without_words():
    train, labels = sample(500, 0)
    assert boosted_trees(train, labels, train, FEATURES[:2], 2).shape == (500, 2)


def test_the_trees_fit_the_features():
    train, labels = sample(200, 0)
    assert list(baselines(train, labels, train, FEATURES, 2)) == ["boosted_trees", "class_prior"]
    pictures, kinds = images(200, 0)
    made = baselines({"image": pictures}, kinds, {"image": pictures[:50]}, PICTURE, 10)
    assert list(made) == ["extra_trees", "class_prior"]
    assert classes.metrics(kinds[:50], made["extra_trees"])["accuracy"] == 1


def test_a_class_that_training_lacked_has_no_chance():
    pictures, kinds = images(100, 0)
    score = extra_trees({"image": pictures}, kinds % 3, {"image": pictures}, PICTURE, 5)
    assert score.shape == (100, 5)
    assert (score[:, 3:] == 0).all()


@pytest.mark.parametrize("trees", [boosted_trees, extra_trees])
def test_threads_change_no_bit(trees, monkeypatch):
    train, labels = sample(600, 0)
    test, _ = sample(200, 1)
    scores, used = [], []
    for threads in (1, 2):
        monkeypatch.setattr(
            "firelib.evaluate.baselines.free_cores", lambda threads=threads: used.append(threads) or threads
        )
        scores.append(trees(train, labels, test, FEATURES, 2))
    assert used == [1, 2]
    np.testing.assert_array_equal(*scores)


def test_boosting_takes_no_more_threads_than_are_free(monkeypatch):
    train, labels = sample(500, 0)
    seen = []

    class Watched(HistGradientBoostingClassifier):
        def fit(self, *arguments):
            seen.append(_openmp_effective_n_threads())
            return super().fit(*arguments)

    monkeypatch.setattr("firelib.evaluate.baselines.HistGradientBoostingClassifier", Watched)
    monkeypatch.setattr("firelib.evaluate.baselines.free_cores", lambda: 1)
    boosted_trees(train, labels, train, FEATURES, 2)
    assert seen == [1]
