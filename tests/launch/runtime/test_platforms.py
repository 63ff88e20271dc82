"""The rules of each platform: how long replicas wait, and what their exit codes mean there."""

from dataclasses import replace

import pytest

from firelib.launch.backends.kubeflow.trainjob import build_train_job
from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Replicas
from firelib.launch.runtime.platforms import OWN_MACHINES, PLATFORM, PLATFORMS, Platform, detect_platform
from tests.launch.backends.vertex.test_requests import vertex_job


@pytest.mark.parametrize(
    ("name", "peers_seconds", "rules"),
    [
        ("", 300, ()),
        ("vertex", 3600, ("is_rented", "exit_is_final", "ends_followers")),
        ("kubernetes", 3600, ("is_rented", "ends_followers", "counts_wait")),
        ("a platform of another version", 300, ()),
    ],
)
def test_rules(name, peers_seconds, rules):
    expected = Platform(peers_seconds, **dict.fromkeys(rules, True))
    assert detect_platform({PLATFORM: name}) == expected


def test_own_machines_are_the_default():
    assert detect_platform({}) == OWN_MACHINES


def test_requests_name_their_platform():
    spec = vertex_job(replicas=Replicas(2))
    [request] = validate_job("vertex", spec).request(spec)["requests"]
    for pool in request["customJob"]["jobSpec"]["workerPoolSpecs"]:
        assert {"name": PLATFORM, "value": "vertex"} in pool["containerSpec"]["env"]
    pods = build_train_job(replace(spec, target={}))["spec"]["trainer"]
    assert {"name": PLATFORM, "value": "kubernetes"} in pods["env"]
    assert {"vertex", "kubernetes"} <= set(PLATFORMS)
