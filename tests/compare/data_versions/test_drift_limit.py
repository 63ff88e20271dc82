import numpy as np
import pyarrow as pa

from firelib.compare.data_versions.drift_limit import check_names, refuse_drift
from firelib.data.versions.drift import Drift, measure_drift
from tests.errors import refused
from tests.recipes.tiny import Tiny

VALUES = np.random.default_rng(0).normal(size=2000)


def drift(name: str, shift: float) -> Drift:
    before, after = (pa.chunked_array([pa.array(values)]) for values in (VALUES, VALUES + shift))
    return measure_drift(name, before, after)


DRIFTS = [drift("far", 2.0), drift("near", 1.0), drift("still", 0.0)]


def test_every_feature_beyond_the_limit_is_named() -> None:
    with refused(what=[("far", 0.25), ("near", 0.25)], where="A to B", remedy=["--except", "far", "near"]) as caught:
        refuse_drift(DRIFTS, 0.25, (), "A to B")
    assert "still" not in caught.value.what


def test_exceptions_have_no_limit() -> None:
    with refused(what="far", where="A to B") as caught:
        refuse_drift(DRIFTS, 0.25, ("near",), "A to B")
    assert "near" not in caught.value.what
    refuse_drift(DRIFTS, 0.25, ("near", "far"), "A to B")


def test_within_the_limit() -> None:
    refuse_drift(DRIFTS[2:], 0.0, (), "A to B")


def test_an_unknown_exception_is_refused() -> None:
    check_names(["amount", "big"], Tiny())
    with refused(what="amuont", where="--except", remedy="amount"):
        check_names(["amuont"], Tiny())
