"""Each platform's variables give the replica's place."""

import json

import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.vertex.environment import vertex_variables
from firelib.launch.runtime.replica import Place, place_of

HOSTS = ("job-0", "job-1", "job-2")


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("only", ["CLUSTER_SPEC", "TF_CONFIG"])
def test_vertex(index, only):
    variables = vertex_variables("job", HOSTS, index, "gs://b/out")
    assert place_of({only: variables[only]}) == Place(index, HOSTS, 3)


def test_a_single_replica_is_alone():
    assert place_of(vertex_variables("job", HOSTS[:1], 0, "gs://b/out")) is None
    assert place_of({}) is None


def test_a_ray_that_runs_goes_before_all():
    assert place_of({**vertex_variables("job", HOSTS, 1, "gs://b/out"), "RAY_ADDRESS": "head:6379"}) is None


def test_an_evaluator_of_tensorflow_is_no_replica():
    config = {"cluster": {"chief": ["a:1"], "evaluator": ["b:1"]}, "task": {"type": "chief", "index": 0}}
    assert place_of({"TF_CONFIG": json.dumps(config)}) is None


def test_kubernetes():
    environ = {"JOB_COMPLETION_INDEX": "2", "FIRELIB_REPLICAS": "3", "FIRELIB_HEAD_HOST": "job-0.job"}
    assert place_of(environ) == Place(2, ("job-0.job",), 3)
    assert place_of({**environ, "FIRELIB_REPLICAS": "1", "JOB_COMPLETION_INDEX": "0"}) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"CLUSTER_SPEC": "{"}, ["CLUSTER_SPEC", "'{'"]),
        ({"CLUSTER_SPEC": '{"cluster": {}, "task": {}}'}, ["CLUSTER_SPEC", "task"]),
        (
            {"TF_CONFIG": '{"cluster": {"chief": ["a:1"]}, "task": {"type": "worker", "index": 4}}'},
            ["TF_CONFIG", "worker 4"],
        ),
        (
            {"JOB_COMPLETION_INDEX": "3", "FIRELIB_REPLICAS": "3"},
            ["JOB_COMPLETION_INDEX=3", "FIRELIB_REPLICAS=3", "FIRELIB_HEAD_HOST"],
        ),
        (
            {"JOB_COMPLETION_INDEX": "x", "FIRELIB_REPLICAS": "3", "FIRELIB_HEAD_HOST": "a"},
            ["JOB_COMPLETION_INDEX='x'"],
        ),
    ],
)
def test_contradictions_are_named(environ, said):
    with pytest.raises(FirelibError) as caught:
        place_of(environ)
    for part in said:
        assert part in caught.value.what
    assert caught.value.where
    assert caught.value.remedy


def test_vertex_variables_are_as_vertex_sets_them():
    variables = vertex_variables("123", HOSTS[:2], 1, "gs://b/out")
    spec = json.loads(variables["CLUSTER_SPEC"])
    assert spec["cluster"] == {"workerpool0": ["job-0:2222"], "workerpool1": ["job-1:2222"]}
    assert spec["task"] == {"type": "workerpool1", "index": 0, "trial": ""}
    assert json.loads(variables["TF_CONFIG"])["cluster"] == {"chief": ["job-0:2222"], "worker": ["job-1:2222"]}
    assert variables["AIP_MODEL_DIR"] == "gs://b/out/model/"
