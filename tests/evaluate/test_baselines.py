import numpy as np

from firelib.evaluate.baselines import boosted_trees, class_prior
from firelib.evaluate.metrics import metrics
from firelib.recipe import Feature

FEATURES = (
    Feature("x", "float32", nullable=True),
    Feature("count", "int64", range=(-1, 100), nullable=True, missing=-1),
    Feature("word", "string", max_length=3),
)


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
    assert class_prior(np.array([0, 0, 0, 1]), 3).tolist() == [0.25] * 3


def test_trees_learn_from_numbers_and_words_together():
    train, labels = sample(3000, 0)
    test, truth = sample(1000, 1)
    test["word"][:5] = b"new"
    assert metrics(truth, boosted_trees(train, labels, test, FEATURES))["roc_auc"] > 0.9


def test_trees_without_words():
    train, labels = sample(500, 0)
    assert boosted_trees(train, labels, train, FEATURES[:2]).shape == (500,)
