"""Resources are created once, and only the cluster's own are deleted."""

import pytest

from firelib.gcp.resources.request_error import ForeignResourceError
from firelib.gcp.resources.resource import create, delete
from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.requests import RefusedError
from tests.cluster.gcp_cluster import Cluster, Item
from tests.errors import refused

KINDS = ("networks", "addresses", "serviceAccounts", "buckets", "repositories")


def path_of(cloud: FakeCloud, resource: Item) -> str:
    path: str = resource["url"].removeprefix(cloud.api)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_others_made_is_neither_used_nor_deleted(cloud: FakeCloud, cluster: Cluster, kind: str) -> None:
    resource = cluster.resource(kind)
    cloud.resources[path_of(cloud, resource)] = {"name": resource["name"], "labels": {"team": "other"}}
    with refused(what=f"{kind}/{resource['name']}", where=resource["name"], kind=ForeignResourceError):
        create(cluster.api, resource, dry_run=False)
    assert not delete(cluster.api, resource, dry_run=False).changed
    assert [note for note in cluster.api.notes if f"{kind}/{resource['name']}" in note]
    assert cloud.sent == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_exists_after_a_lost_response_counts_as_created(cloud: FakeCloud, cluster: Cluster, kind: str) -> None:
    cluster.create("serviceAccounts", kind)
    resource = cluster.resource(kind)
    cloud.responses.clear()  # Google forgets request ids
    not_yet = iter([RefusedError(404, "notFound", "not found")])
    cloud.faults = lambda _: next(not_yet, None)
    assert create(cluster.api, resource, dry_run=False).changed
    assert cloud.created[path_of(cloud, resource)] == 1


def test_repository_is_granted_after_its_operation(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.operation_requests = 5
    create(cluster.api, cluster.resource("serviceAccounts"), dry_run=False)
    repository = cluster.resource("repositories")
    assert create(cluster.api, repository, dry_run=False).changed
    assert len(cloud.policies[path_of(cloud, repository)]["bindings"]) == 1
    assert not create(cluster.api, repository, dry_run=False).changed


def fill(cloud: FakeCloud, bucket: Item) -> list[Item]:
    """Put objects into a bucket: more than a page, several versions, names that URLs escape."""
    names = ["runs/1/model.keras", "a b?c#d", *(f"shard-{number}" for number in range(5))]
    objects = [{"name": name, "generation": "1", "size": "100"} for name in names]
    objects.append({"name": "shard-0", "generation": "2", "size": "10", "noncurrent": True})
    cloud.objects[path_of(cloud, bucket)] = objects
    return objects


def test_bucket_with_objects_is_emptied_and_deleted(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create("serviceAccounts", "buckets")
    bucket = cluster.resource("buckets")
    fill(cloud, bucket)
    assert delete(cluster.api, bucket, dry_run=False).content == {"objects": 8, "bytes": 710}
    assert path_of(cloud, bucket) not in cloud.resources


FIRST, SECOND = "198.51.100.4/32", "192.0.2.9/32"


def ssh_rule(cluster: Cluster, address: str) -> Item:
    """The rule for SSH as a user plans it who calls from this address."""
    rule = next(item for item in cluster.resources if item["name"] == "firelib-ssh")
    return {**rule, "body": {**rule["body"], "sourceRanges": [address]}}


def test_a_second_user_does_not_lock_out_the_first(cloud: FakeCloud) -> None:
    """Without `allow_from`, each run adds the address that it comes from."""
    cluster = Cluster(cloud, allow_from=None)
    cluster.create("networks", "firewalls")
    rule = ssh_rule(cluster, SECOND)
    path = path_of(cloud, rule)
    assert create(cluster.api, rule, dry_run=True).changed
    assert cloud.resources[path]["sourceRanges"] == [FIRST]
    assert create(cluster.api, rule, dry_run=False).changed
    assert cloud.resources[path]["sourceRanges"] == [FIRST, SECOND]
    assert any(FIRST in note for note in cluster.api.notes)
    for address in (FIRST, SECOND):
        assert not create(cluster.api, ssh_rule(cluster, address), dry_run=False).changed
    given = Cluster(cloud, allow_from=SECOND)
    assert create(given.api, ssh_rule(given, SECOND), dry_run=False).changed
    assert cloud.resources[path]["sourceRanges"] == [SECOND]


def test_the_rule_for_ssh_follows_allow_from(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create("networks", "firewalls")
    rule, moved = ssh_rule(cluster, FIRST), ssh_rule(cluster, SECOND)
    assert create(cluster.api, moved, dry_run=True).changed
    assert cloud.resources[path_of(cloud, rule)]["sourceRanges"] == [FIRST]
    assert create(cluster.api, moved, dry_run=False).changed
    assert cloud.resources[path_of(cloud, rule)] == moved["body"]
    assert not create(cluster.api, moved, dry_run=False).changed


def test_dry_run_counts_the_objects(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create("serviceAccounts", "buckets")
    bucket = cluster.resource("buckets")
    objects = list(fill(cloud, bucket))
    assert delete(cluster.api, bucket, dry_run=True).content == {"objects": 8, "bytes": 710}
    assert cloud.objects[path_of(cloud, bucket)] == objects


def test_bucket_that_is_written_to_meanwhile_is_emptied_again(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create("serviceAccounts", "buckets")
    bucket = cluster.resource("buckets")
    path, late = path_of(cloud, bucket), [{"name": "late", "generation": "9", "size": "1"}]

    def write_once(request: object) -> None:
        if f"DELETE {path}" == getattr(request, "key", "") and late:
            cloud.objects.setdefault(path, []).append(late.pop())

    cloud.faults = write_once
    assert delete(cluster.api, bucket, dry_run=False).changed
    assert path not in cloud.resources


def test_network_is_deleted_when_its_last_user_is_gone(cloud: FakeCloud, cluster: Cluster) -> None:
    """An interrupted run has begun to delete the machine."""
    network = cluster.resource("networks")
    create(cluster.api, network, dry_run=False)
    machine = f"{cluster.plan['compute'].removeprefix(cloud.api)}/zones/europe-west4-a/instances/firelib-10-10-0-10"
    cloud.resources[machine] = {"name": "firelib-10-10-0-10"}
    tries = iter(range(3))

    def finish_soon(request: object) -> None:
        if next(tries, None) is None:
            cloud.resources.pop(machine, None)

    cloud.faults = finish_soon
    assert delete(cluster.api, network, dry_run=False).changed
    assert cloud.resources == {}
