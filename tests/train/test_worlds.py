"""Loss curves of 1 to 4 workers over 200 steps, with SGD and Adam: the toy, and recipes whose dataset exists."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from firelib.config import load_params
from firelib.project_layout import find_params
from firelib.recipe import FittedFeature
from firelib.recipes.fashion_mnist import FashionMnist
from firelib.recipes.flights import Flights
from tests.project import ROOT
from tests.train.local_group import Run, train_locally
from tests.train.toy import UNTRACKED, toy_params

STEPS = 200
WORLDS = (2, 3, 4)


def has_data(name: str) -> bool:
    return (ROOT / "data" / name / "tfrecords" / "manifest.json").exists()


class FlightsBySgd(Flights):
    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:
        import keras

        model = super().build_model(features, params)
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["AUC"])
        return model


class FashionBySgd(FashionMnist):
    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:
        import keras

        model = super().build_model(features, params)
        model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


def make_run(recipe, precision):
    params = load_params(
        ROOT / "params.yaml" if recipe.name == "flights" else find_params(recipe.name, ROOT), UNTRACKED
    )
    params = params.model_copy(update={"train": params.train.model_copy(update={"precision": precision})})
    return Run(params, recipe, stop_at=STEPS, folder=f"{type(recipe).__name__}-{precision}", data=ROOT)


RECIPES = {
    "flights-sgd": FlightsBySgd(),
    "flights-adam": Flights(),
    "fashion-sgd": FashionBySgd(),
    "fashion-adam": FashionMnist(),
}
RUNS = {name: Run(toy_params(epochs=13, optimizer=name)) for name in ("sgd", "adam")}
RUNS |= {
    f"{name}-{precision}": make_run(recipe, precision)
    for name, recipe in RECIPES.items()
    if has_data(recipe.name)
    for precision in ("float64", "float32")
}
ROUNDED = [name for name in RUNS if name.endswith("float32")]
EXACT = [name for name in RUNS if name not in ROUNDED]


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    curves = {}
    for world in (1, *WORLDS):
        outcomes = train_locally(tmp_path_factory.mktemp(f"world{world}"), list(RUNS.values()), world, seconds=3000)
        curves[world] = dict(zip(RUNS, outcomes, strict=True))
    return curves


def first_losses(outcome):
    assert not outcome.error
    assert len(outcome.losses) >= STEPS
    return np.array(outcome.losses[:STEPS])


def distance(curves, world, name):
    """Relative difference of each step's loss to the loss on one worker."""
    return np.abs(first_losses(curves[world][name]) / first_losses(curves[1][name]) - 1)


def record(record_property, apart):
    parts = np.flatnonzero(apart > 1e-5)
    record_property("apart", f"{apart.max():.1e}; {parts[0] if len(parts) else STEPS} steps within 1e-5")


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", EXACT)
def test_curve_equals_the_curve_of_one_worker(curves, world, name, record_property):
    apart = distance(curves, world, name)
    record(record_property, apart)
    assert apart.max() <= 1e-5
    for mine, theirs in zip(curves[world][name].weights, curves[1][name].weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", ROUNDED)
def test_float32_curve_differs_by_rounding_only(curves, world, name, record_property):
    """Sums over other parts of a batch round differently, and training amplifies that; float64 hides it."""
    apart = distance(curves, world, name)
    record(record_property, apart)
    assert apart[:5].max() <= 1e-5
    assert apart.max() <= 0.1
