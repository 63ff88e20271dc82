"""Teardown finds what carries the cluster's mark anywhere, and nothing else."""

from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.gcp_cluster import Cluster

PROJECT = "/compute/compute/v1/projects/demo"
OURS = {"labels": {"firelib-cluster": "firelib"}}


def add(cloud: FakeCloud, where: str, **fields: object) -> None:
    cloud.resources[f"{PROJECT}/{where}"] = {"name": where.rpartition("/")[2], **fields}


def test_orphans_of_other_zones_and_regions_are_deleted(cloud: FakeCloud, cluster: Cluster) -> None:
    for number in range(3):  # more than a page
        add(cloud, f"zones/us-east1-b/disks/old-{number}", **OURS)
    add(cloud, "zones/us-east1-b/instances/firelib-10-10-0-12", **OURS)
    add(cloud, "regions/us-east1/addresses/firelib-head", **OURS)
    add(cloud, "regions/us-east1/subnetworks/firelib", description="firelib-cluster=firelib")
    add(cloud, "regions/us-east1/routers/firelib", description="firelib-cluster=firelib")
    kept = "zones/us-east1-b/disks/firelib-data"
    add(cloud, kept, labels={"firelib-cluster": "firelib2"})
    assert len(cluster.delete_leftovers(dry_run=True)) == 7
    assert cloud.sent == []
    deleted = cluster.delete_leftovers()
    assert deleted[0] == "instances/firelib-10-10-0-12 (us-east1-b)"
    assert "subnetworks/firelib (us-east1)" in deleted
    assert list(cloud.resources) == [f"{PROJECT}/{kept}"]
    assert cluster.delete_leftovers() == []


def test_the_mark_counts_and_not_the_filter(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.ignores_filters = True
    add(cloud, "zones/us-east1-b/instances/firelib-10-10-0-12", **OURS)
    add(cloud, "zones/us-east1-b/instances/web", labels={"team": "web"})
    add(cloud, "regions/us-east1/routers/web", description="")
    assert cluster.delete_leftovers() == ["instances/firelib-10-10-0-12 (us-east1-b)"]
    assert len(cloud.resources) == 2


def test_a_subnet_of_an_earlier_region_does_not_block_the_network(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create("networks", "subnetworks")
    add(cloud, "regions/us-east1/subnetworks/firelib", description="firelib-cluster=firelib")
    cluster.tear_down(delete_data=True)
    assert cloud.resources == {}
