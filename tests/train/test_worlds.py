"""Loss curves of 1 to 4 workers over 200 steps, with SGD and Adam: on the toy, and on recipes whose data is made."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from firelib.config import load_params
from firelib.paths import params_of
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


def of_recipe(recipe, folder):
    file = ROOT / "params.yaml" if recipe.name == "flights" else params_of(recipe.name, ROOT)
    return Run(load_params(file, UNTRACKED), recipe, stop_at=STEPS, folder=folder, data=ROOT)


RUNS = {name: Run(toy_params(epochs=13, optimizer=name)) for name in ("sgd", "adam")}
if has_data("flights"):
    RUNS |= {"flights-sgd": of_recipe(FlightsBySgd(), "sgd"), "flights-adam": of_recipe(Flights(), "adam")}
if has_data("fashion_mnist"):
    RUNS |= {"fashion-sgd": of_recipe(FashionBySgd(), "sgd"), "fashion-adam": of_recipe(FashionMnist(), "adam")}


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    return {
        world: train_locally(tmp_path_factory.mktemp(f"world{world}"), list(RUNS.values()), world, timeout=1800)
        for world in (1, *WORLDS)
    }


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("index", range(len(RUNS)), ids=list(RUNS))
def test_curve_is_that_of_one_worker(curves, world, index, record_property):
    one, many = np.array(curves[1][index].losses), np.array(curves[world][index].losses)
    assert len(one) >= STEPS
    apart = np.abs(many[:STEPS] / one[:STEPS] - 1)
    record_property(
        "apart", f"{apart.max():.1e} at step {apart.argmax() + 1}, loss {one[0]:.4f} to {one[STEPS - 1]:.4f}"
    )
    np.testing.assert_allclose(many[:STEPS], one[:STEPS], rtol=1e-5)
