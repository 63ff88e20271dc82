"""Machines are created where there is capacity, found again, and started where their disk is."""

import pytest

from firelib.gcp.resources.machine import create_machine, order_zones
from firelib.gcp.resources.request_error import ForeignResourceError, StockOutError
from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.requests import Request
from tests.cluster.gcp_cluster import Cluster
from tests.errors import refused


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    """A cluster with what machines need."""
    cluster.create("networks", "subnetworks", "serviceAccounts")
    return cluster


def machines(cloud: FakeCloud) -> dict[str, str]:
    """Name → zone of each machine."""
    paths = [path.split("/") for path in cloud.resources if "/instances/" in path]
    return {path[-1]: path[-3] for path in paths}


def set_state(cloud: FakeCloud, status: str) -> None:
    """Set the state of the head."""
    path = next(path for path in cloud.resources if path.endswith("/instances/firelib-10-10-0-10"))
    cloud.resources[path]["status"] = status


@pytest.mark.parametrize("form", ["operation", "503"])
def test_next_zone_is_tried_when_one_has_no_capacity(cloud: FakeCloud, cluster: Cluster, form: str) -> None:
    cloud.full["europe-west4-a"] = form
    cluster.create_machines()
    assert machines(cloud) == {"firelib-10-10-0-10": "europe-west4-b", "firelib-10-10-0-11": "europe-west4-b"}
    assert [note for note in cluster.api.notes if "europe-west4-a" in note and "firelib-10-10-0-10" in note]
    del cloud.full["europe-west4-a"]
    assert not any(outcome.changed for outcome in cluster.create_machines())  # found where they are
    cluster.tear_down()
    assert cloud.resources == {}


def test_machines_stay_in_the_zone_of_the_cluster(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.full["europe-west4-a"] = "operation"
    create_machine(cluster.api, cluster.machines[0], dry_run=False)
    cloud.full.clear()
    cluster.create_machines()
    assert set(machines(cloud).values()) == {"europe-west4-b"}
    assert order_zones(["a", "b", "c"], ["c"]) == ["c", "a", "b"]


@pytest.mark.parametrize("form", ["operation", "503"])
def test_no_capacity_in_any_zone(cloud: FakeCloud, cluster: Cluster, form: str) -> None:
    cloud.full = {"europe-west4-a": form, "europe-west4-b": form}
    named = [("firelib-10-10-0-10", "n1-standard-8")]
    with refused(what=named, where=["europe-west4-a", "europe-west4-b"], remedy="zones", kind=StockOutError):
        cluster.create_machines()
    assert machines(cloud) == {}


@pytest.mark.parametrize("state", ["TERMINATED", "SUSPENDED", "STOPPING"])
def test_a_lost_spot_machine_returns(cloud: FakeCloud, cluster: Cluster, state: str) -> None:
    cluster.create_machines()
    set_state(cloud, state)
    looks = iter(range(2))

    def stop(request: Request) -> None:
        looked = request.path.endswith("/instances/firelib-10-10-0-10")
        if state == "STOPPING" and looked and next(looks, None) == 1:
            set_state(cloud, "TERMINATED")

    cloud.faults = stop
    outcomes = cluster.create_machines()
    assert [outcome.changed for outcome in outcomes] == [True, False]
    assert {outcome.found["status"] for outcome in outcomes} == {"RUNNING"}
    assert [note for note in cluster.api.notes if "firelib-10-10-0-10" in note and state in note]


def test_a_lost_machine_that_cannot_return_is_reported_with_its_zone(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create_machines()
    set_state(cloud, "TERMINATED")
    cloud.full["europe-west4-a"] = "operation"
    command = "gcloud compute instances delete firelib-10-10-0-10 --zone europe-west4-a"
    with refused(what=[("firelib-10-10-0-10", "europe-west4-a")], remedy=command, kind=StockOutError):
        cluster.create_machines()
    assert len(machines(cloud)) == 2


def test_a_machine_keeps_its_type_and_the_user_is_told(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create_machines()
    assert cluster.api.notes == []
    other = Cluster(cloud, machine_type="n1-standard-16")
    assert not any(outcome.changed for outcome in other.create_machines())
    assert [note for note in other.api.notes if "firelib-10-10-0-11" in note and "n1-standard-16" in note]
    assert {body["machineType"][-13:] for path, body in cloud.resources.items() if "/instances/" in path} == {
        "n1-standard-8"
    }


def test_a_dry_run_starts_nothing(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create_machines()
    set_state(cloud, "TERMINATED")
    sent = list(cloud.sent)
    assert [outcome.changed for outcome in cluster.create_machines(dry_run=True)] == [True, False]
    assert cloud.sent == sent


def test_a_machine_of_others_is_refused(cloud: FakeCloud, cluster: Cluster) -> None:
    machine = cluster.machines[0]
    path = machine["url"].removeprefix(cloud.api).replace("{zone}", "europe-west4-a")
    cloud.resources[path] = {"name": machine["name"], "status": "RUNNING"}
    with refused(what="instances/firelib-10-10-0-10", where="europe-west4-a", kind=ForeignResourceError):
        create_machine(cluster.api, machine, dry_run=False)
