"""The whole pipeline with compose.yaml: four containers in sequence on one folder."""

import json
import os
from itertools import pairwise
from operator import itemgetter

import pytest

from tests.launch.drill import PLANTED
from tests.launch.flights_project import lineage, losses, shape
from tests.patience import patience

pytestmark = pytest.mark.containers

# Waits for the server, then prints its answer.
PROBE = """
import sys, time, urllib.error, urllib.request
for _ in range(int(sys.argv[1])):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8000/health").read().decode())
        break
    except urllib.error.URLError:
        time.sleep(1)
"""
STAGES = ("extract", "transform", "train", "evaluate")


def test_sources_become_an_evaluated_model(composed):
    metrics = json.loads((composed / "metrics/flights/test.json").read_text())
    assert 0.5 < metrics["roc_auc"] < 1
    assert losses(composed)[-1] < losses(composed)[0]


def test_each_stage_ran_in_its_own_container(composed):
    """Each container started after the previous one had ended."""
    ran = sorted((line.split() for line in (composed / "containers.txt").read_text().splitlines()), key=itemgetter(2))
    assert [name for name, *_ in ran] == [f"/composed_{stage}_1" for stage in STAGES]
    assert {code for _, code, *_ in ran} == {"0"}
    assert all(ended <= started for (_, _, _, ended), (_, _, started, _) in pairwise(ran))


def test_the_model_has_a_lineage_record(composed):
    record = lineage(composed)
    assert len(record["lock_sha256"]) == 64
    assert len(record["git"]["revision"]) == 40
    assert shape(record)


def test_no_secret_of_the_caller_is_in_the_results(composed):
    texts = [path.read_bytes() for path in composed.rglob("*") if path.is_file()]
    assert not any(secret.encode() in text for secret in PLANTED.values() for text in texts)


def test_the_model_is_served_by_an_image_without_ray(images, composed):
    """The image's own command listens on every interface of the container."""
    mine = ("--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{composed}:/project")
    container = images.docker("run", "--detach", "--network", "none", *mine, "firelib-serve").strip()
    try:
        answer = images.docker("exec", container, "python", "-c", PROBE, str(int(patience(120))))
        assert json.loads(answer)["recipe"] == "flights"
        missing = images.docker(
            "exec", container, "python", "-c", "import importlib.util as u; print(u.find_spec('ray'))"
        )
        assert missing.strip() == "None"
    finally:
        images.docker("rm", "--force", container)
