"""Fields of the CustomJob that users set themselves, checked by Google's own message types."""

import json

import pytest
from google.cloud import aiplatform_v1

from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Replicas
from tests.errors import refused
from tests.launch.backends.vertex.test_requests import TARGET, pools, requests_of, vertex_job
from tests.launch.problems import has_problem

RESERVATION = {
    "reservation_affinity_type": "SPECIFIC_RESERVATION",
    "key": "compute.googleapis.com/reservation-name",
    "values": ["projects/my-lab/zones/europe-west4-a/reservations/r"],
}


def request_with(**fields):
    [asked] = requests_of(
        vertex_job(target={**TARGET, **{name.replace("__", "."): text for name, text in fields.items()}})
    )
    aiplatform_v1.CustomJob.from_json(json.dumps(asked["customJob"]), ignore_unknown_fields=False)
    return asked["customJob"]


def test_values_get_the_type_of_their_field():
    job = request_with(
        job_spec__enable_web_access="true",
        job_spec__scheduling__max_wait_duration="3600s",
        job_spec__experiment="projects/p/locations/r/metadataStores/default/contexts/e",
        job_spec__models='["projects/p/locations/r/models/1"]',
    )["jobSpec"]
    assert job["enableWebAccess"] is True
    assert job["scheduling"]["maxWaitDuration"] == "3600s"
    assert job["scheduling"]["strategy"] == "STANDARD", "the others stay"
    assert job["models"] == ["projects/p/locations/r/models/1"]


def test_a_default_value_is_written_too():
    assert request_with(job_spec__enable_web_access="false")["jobSpec"]["enableWebAccess"] is False


def test_fields_of_worker_pools_reach_every_pool():
    path = "job_spec.worker_pool_specs.machine_spec.reservation_affinity"
    spec = vertex_job(replicas=Replicas(3), target={**TARGET, path: json.dumps(RESERVATION)})
    [asked] = requests_of(spec)
    assert len(pools(asked)) == 2
    for pool in pools(asked):
        assert pool["machineSpec"]["machineType"] == "n1-standard-8"
        assert pool["machineSpec"]["reservationAffinity"]["values"] == RESERVATION["values"]


def test_all_wrong_fields_are_named_at_once():
    wrong = {
        "job_spec.enable_web_acess": "true",
        "job_spec.enable_dashboard_access": "yes",
        "job_spec.worker_pool_specs.machine_spec.reservation_affinity.reservation_affinity_type": "ANY",
        "job_spec.worker_pool_specs.machine_spec.machine_type": "n1-standard-16",
        "job_spec.worker_pool_specs.container_spec.image_uri": "mine",
        "job_spec.scheduling.max_wait_duration": "an hour",
        "job_spec.reserved_ip_ranges": "range",
        "job_spec.network.name": "lab",
        "job_spec.persistent_resource_id.name": "r",
        "job_spec.psc_interface_config": "attachment",
        "encryption_spec.key": "k",
        "job_spec.scheduling": "{}",
        "job_spec.worker_pool_specs": "[]",
    }
    with refused(where="for vertex") as caught:
        validate_job("vertex", vertex_job(target={**TARGET, **wrong}))
    for parts in (
        ("target.job_spec.enable_web_acess:", "did you mean 'enable_web_access'"),
        ("target.job_spec.enable_dashboard_access:", "true or false", "'yes'"),
        ("reservation_affinity_type:", "SPECIFIC_RESERVATION", "'ANY'"),
        ("machine_type:", "use --machine"),
        ("container_spec.image_uri:", "use --image"),
        ("max_wait_duration:", "Duration", "'an hour'"),
        ("reserved_ip_ranges:", "list in JSON", "'range'"),
        ("job_spec.network.name:", "--set network"),
        ("persistent_resource_id.name:", "has no fields"),
        ("psc_interface_config:", "PscInterfaceConfig", "'attachment'"),
        ("encryption_spec.key:", "kms_key_name"),
        ("job_spec.scheduling:", "one by one"),
        ("job_spec.worker_pool_specs:", "one by one"),
    ):
        assert has_problem(caught.value, *parts), parts


@pytest.mark.parametrize("name", ["state.x", "labels.team", "job_specs.network"])
def test_other_names_are_unknown_settings(name):
    with refused(what=[(f"target.{name} is unknown",)]):
        validate_job("vertex", vertex_job(target={**TARGET, name: "1"}))
