"""The whole pipeline by compose.yaml: four containers, one after the other, over one folder."""

import json
from itertools import pairwise
from operator import itemgetter

import pytest

from tests.launch.drill import PLANTED
from tests.launch.flights_project import lineage, losses, shape

pytestmark = pytest.mark.containers

STAGES = ("extract", "transform", "train", "evaluate")


def test_sources_become_an_evaluated_model(composed):
    metrics = json.loads((composed / "metrics/flights/test.json").read_text())
    assert 0.5 < metrics["roc_auc"] < 1
    assert losses(composed)[-1] < losses(composed)[0]


def test_each_stage_was_a_container_of_its_own(composed):
    """One began when the one before had ended."""
    ran = sorted((line.split() for line in (composed / "containers.txt").read_text().splitlines()), key=itemgetter(2))
    assert [name for name, *_ in ran] == [f"/composed_{stage}_1" for stage in STAGES]
    assert {code for _, code, *_ in ran} == {"0"}
    assert all(ended <= begun for (_, _, _, ended), (_, _, begun, _) in pairwise(ran))


def test_the_model_says_what_it_was_built_from(composed):
    record = lineage(composed)
    assert len(record["lock_sha256"]) == 64
    assert len(record["git"]["revision"]) == 40
    assert shape(record)


def test_no_secret_of_the_caller_went_along(composed):
    texts = [path.read_bytes() for path in composed.rglob("*") if path.is_file()]
    assert not any(secret.encode() in text for secret in PLANTED.values() for text in texts)
