"""What cannot work is refused before anything is created, all findings at once."""

from typing import Any

from firelib.gcp.resources.request_error import RequestError
from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.requests import RefusedError, Request
from tests.cluster.gcp_cluster import Cluster
from tests.errors import refused

CONSOLE = "console.cloud.google.com/iam-admin/quotas?project=demo"
H100: dict[str, Any] = {"machine_type": "a3-highgpu-8g", "gpus": None, "spot": False}
SHORT = {
    "PREEMPTIBLE_CPUS": (0, 0),
    "CPUS": (24, 12),
    "PREEMPTIBLE_NVIDIA_T4_GPUS": (1, 0),
    "NVIDIA_T4_GPUS": (8, 0),
    "global:GPUS_ALL_REGIONS": (0, 0),
    "SSD_TOTAL_GB": (500, 400),
    "IN_USE_ADDRESSES": (4, 4),
}


def test_all_short_quotas_are_named_with_limit_usage_and_need(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.limits = dict(SHORT)
    named = [
        ("quota CPUS", 24, 12, 16),  # there is no preemptible quota, so Spot machines use the standard one
        ("PREEMPTIBLE_NVIDIA_T4_GPUS", 1, 0, 2),  # there is one, so the standard one does not count
        ("GPUS_ALL_REGIONS", "all regions", 0, 2),
        ("SSD_TOTAL_GB", 500, 400, 200),
        ("IN_USE_ADDRESSES", 4, 1),
    ]
    with refused(what=named, where="europe-west4", remedy=CONSOLE) as caught:
        cluster.set_up()
    assert len(caught.value.what.splitlines()) == len(named)
    assert cloud.sent == []


def test_sufficient_quotas(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.limits = {name: (limit + 1000, 0) for name, (limit, _) in SHORT.items()} | {"SSD_TOTAL_GB": (-1, 0)}
    assert all(outcome.changed for outcome in cluster.set_up())


def test_machines_that_run_need_nothing_more(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.set_up()
    cloud.limits = dict.fromkeys(SHORT, (10, 10))
    assert not any(outcome.changed for outcome in cluster.set_up())


def test_a_stopped_machine_needs_cores_but_no_disk(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.set_up()
    worker = next(path for path in cloud.resources if path.endswith("instances/firelib-10-10-0-11"))
    cloud.resources[worker]["status"] = "TERMINATED"
    cloud.limits = dict.fromkeys(SHORT, (10, 10))
    with refused(what=[("PREEMPTIBLE_CPUS", 8), ("GPUS_ALL_REGIONS", 1)]) as caught:
        cluster.set_up()
    assert "SSD_TOTAL_GB" not in caught.value.what


def test_quota_of_new_gpus_is_per_family(cloud: FakeCloud) -> None:
    """Regions list a limit of 0 for them, which says nothing."""
    cloud.limits, cloud.family_limits = {"NVIDIA_H100_GPUS": (0, 0)}, {"NVIDIA_H100": 8, "NVIDIA_B200": 64}
    with refused(what=[("gpu_family=NVIDIA_H100", "europe-west4", 8, "not reported", 16)], remedy=CONSOLE) as caught:
        Cluster(cloud, **H100).set_up()
    assert "quota NVIDIA_H100_GPUS" not in caught.value.what
    cloud.family_limits["NVIDIA_H100"] = 16
    cluster = Cluster(cloud, **H100)
    cluster.set_up(dry_run=True)
    assert cluster.api.notes == []


def test_family_without_an_entry_has_the_default_limit(cloud: FakeCloud) -> None:
    with refused(what=[("gpu_family=NVIDIA_H100", 0, 16)]):
        Cluster(cloud, **H100).set_up()


def test_quotas_that_cannot_be_read_are_named_but_no_error(cloud: FakeCloud) -> None:
    cloud.limits = {"NVIDIA_H100_GPUS": (0, 0), "PREEMPTIBLE_NVIDIA_H100_GPUS": (0, 0)}
    cloud.refuse["cloudquotas"] = "Cloud Quotas API has not been used in project demo before or it is disabled."
    cluster = Cluster(cloud, **H100)
    cluster.set_up(dry_run=True)
    assert [note for note in cluster.api.notes if "gpu_family=NVIDIA_H100" in note and "disabled" in note]


def test_zones_names_and_quotas_are_reported_together(cloud: FakeCloud) -> None:
    cloud.limits = {"global:GPUS_ALL_REGIONS": (0, 0)}
    cloud.offered = ("europe-west4-b",)
    cluster = Cluster(cloud)
    network, machine = cluster.resource("networks"), cluster.machines[1]
    cloud.resources[network["url"].removeprefix(cloud.api)] = {"name": "firelib", "description": "of the web team"}
    foreign = machine["url"].removeprefix(cloud.api).replace("{zone}", "europe-west4-b")
    cloud.resources[foreign] = {"name": machine["name"], "status": "RUNNING"}
    named = [
        ("europe-west4-a", "machine type", "n1-standard-8"),
        ("europe-west4-a", "GPU", "nvidia-tesla-t4"),
        ("networks/firelib", "description"),
        ("instances/firelib-10-10-0-11", "labels"),
        ("GPUS_ALL_REGIONS", 2),
    ]
    with refused(what=named, remedy="cluster_name"):
        cluster.set_up()
    assert cloud.sent == []


def test_a_wrong_project_is_named_and_not_its_zones(cloud: FakeCloud) -> None:
    with refused(what="404", where="projects/demi", kind=RequestError):
        Cluster(cloud, project="demi").set_up()


def test_a_bucket_of_another_project_is_a_taken_name(cloud: FakeCloud, cluster: Cluster) -> None:
    def deny(request: Request) -> RefusedError | None:
        denied = request.path.endswith("/b/demo-firelib")
        return RefusedError(403, "forbidden", "does not have storage.buckets.get access") if denied else None

    cloud.faults = deny
    with refused(what=[("buckets/demo-firelib", "storage.buckets.get")], remedy="cluster_name"):
        cluster.set_up()
    assert cloud.sent == []
