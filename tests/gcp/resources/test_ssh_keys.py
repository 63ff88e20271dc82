"""Each user of a cluster adds a key to its machines."""

import pytest

from firelib.gcp.resources.ssh_keys import with_key
from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.faults import EachOnce
from tests.cluster.gcp_cluster import Cluster

SECOND = "ssh-rsa BBBB ben@desk"


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    """With machines of a first user."""
    cluster.create("networks", "subnetworks", "serviceAccounts")
    cluster.create_machines()
    return cluster


def keys(cloud: FakeCloud) -> list[set[str]]:
    """The keys of each machine."""
    machines = [body for path, body in cloud.resources.items() if "/instances/" in path]
    return [
        {
            line
            for item in machine["metadata"]["items"]
            if item["key"] == "ssh-keys"
            for line in item["value"].splitlines()
        }
        for machine in machines
    ]


def test_a_second_user_gets_in_and_the_first_one_still_does(cloud: FakeCloud, cluster: Cluster) -> None:
    second, both = Cluster(cloud, SECOND), {"fire:ssh-ed25519 AAAA fire", f"fire:{SECOND}"}
    sent = list(cloud.sent)
    assert [outcome.changed for outcome in second.create_machines(dry_run=True)] == [True, True]
    assert cloud.sent == sent
    assert [outcome.changed for outcome in second.create_machines()] == [True, True]
    assert keys(cloud) == [both, both]
    assert sum("your SSH key" in note for note in second.api.notes) == 2
    for user in (cluster, second, Cluster(cloud, "ssh-rsa BBBB another comment")):
        assert not any(outcome.changed for outcome in user.create_machines())


def test_a_stopped_machine_gets_the_key_too(cloud: FakeCloud, cluster: Cluster) -> None:
    for path, body in cloud.resources.items():
        if "/instances/" in path:
            body["status"] = "TERMINATED"
    Cluster(cloud, SECOND).create_machines()
    assert all(f"fire:{SECOND}" in found for found in keys(cloud))


def test_keys_that_others_add_at_the_same_time_stay(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.interference, cloud.faults = 1, EachOnce()
    Cluster(cloud, SECOND).create_machines()
    first, other = keys(cloud)
    assert first == {"fire:ssh-ed25519 AAAA fire", "ann:ssh-rsa OTHER", f"fire:{SECOND}"}
    assert other == {"fire:ssh-ed25519 AAAA fire", f"fire:{SECOND}"}


def test_other_metadata_stay() -> None:
    metadata = {"fingerprint": "x", "items": [{"key": "startup-script", "value": "true"}]}
    assert with_key(metadata, "fire:ssh-rsa A") == {
        "fingerprint": "x",
        "items": [{"key": "startup-script", "value": "true"}, {"key": "ssh-keys", "value": "fire:ssh-rsa A"}],
    }
    assert with_key({}, "fire:ssh-rsa A") == {"items": [{"key": "ssh-keys", "value": "fire:ssh-rsa A"}]}
