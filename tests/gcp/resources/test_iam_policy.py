"""Grants change nothing but the cluster's own member, whoever else edits the policy."""

import pytest

from firelib.gcp.resources.api import Api, Json, Pace
from firelib.gcp.resources.iam_policy import add, grant, remove, revoke
from firelib.gcp.resources.request_error import RequestError
from firelib.gcp.resources.resource import create
from tests.cluster.fake_gcp import TOKEN, FakeCloud
from tests.cluster.gcp_cluster import Cluster, Item
from tests.errors import refused

MEMBER = "serviceAccount:firelib-node@demo.iam.gserviceaccount.com"
ROLE = "roles/storage.objectAdmin"
CONDITION = {"title": "until 2030", "expression": 'request.time < timestamp("2030-01-01T00:00:00Z")'}
OTHERS: list[Json] = [
    {"role": "roles/storage.legacyBucketOwner", "members": ["projectOwner:demo"]},
    {"role": ROLE, "members": ["user:ann@example.com"], "condition": CONDITION},
]


def set_policy(cloud: FakeCloud, resource: Item, *bindings: Json) -> str:
    path: str = resource["url"].removeprefix(cloud.api)
    cloud.policies[path] = {"version": 3, "etag": "CAE=7", "bindings": list(bindings)}
    return path


def test_a_role_with_a_condition_is_another_binding() -> None:
    policy = {"etag": "x", "version": 3, "bindings": OTHERS}
    added = add(policy, ROLE, MEMBER)
    assert added == {**policy, "bindings": [*OTHERS, {"role": ROLE, "members": [MEMBER]}]}
    assert add(added, ROLE, MEMBER) == added
    assert remove(added, MEMBER) == policy


def test_a_member_joins_the_binding_of_its_role() -> None:
    bindings = [{"role": ROLE, "members": ["user:ann@example.com"]}]
    assert add({"bindings": bindings}, ROLE, MEMBER)["bindings"] == [
        {"role": ROLE, "members": ["user:ann@example.com", MEMBER]}
    ]
    assert add({}, ROLE, MEMBER)["bindings"] == [{"role": ROLE, "members": [MEMBER]}]


def test_a_deleted_account_is_removed_under_its_new_name() -> None:
    bindings = [{"role": ROLE, "members": [f"deleted:{MEMBER}?uid=42", "user:ann@example.com"]}]
    assert remove({"bindings": bindings}, MEMBER)["bindings"] == [{"role": ROLE, "members": ["user:ann@example.com"]}]


@pytest.mark.parametrize("kind", ["buckets", "repositories"])
def test_bindings_of_others_survive_a_conflict(cloud: FakeCloud, cluster: Cluster, kind: str) -> None:
    cluster.create("serviceAccounts", kind)
    resource = cluster.resource(kind)
    path = set_policy(cloud, resource, *OTHERS)
    cloud.interference = 2
    assert grant(cluster.api, resource["grant"], dry_run=False)
    assert cloud.policies[path]["bindings"][:2] == OTHERS
    assert cloud.policies[path]["bindings"][2]["members"] == [MEMBER]
    cloud.interference = 1
    assert revoke(cluster.api, resource["grant"], dry_run=False)
    assert cloud.policies[path]["bindings"] == OTHERS
    assert not revoke(cluster.api, resource["grant"], dry_run=False)


@pytest.mark.parametrize("kind", ["buckets", "repositories"])
def test_a_lost_grant_is_granted_again(cloud: FakeCloud, cluster: Cluster, kind: str) -> None:
    """A run that was killed between creating and granting, or somebody who removed the member."""
    cluster.create("serviceAccounts", kind)
    path, resource = set_policy(cloud, cluster.resource(kind)), cluster.resource(kind)
    assert create(cluster.api, resource, dry_run=True).changed
    assert cloud.policies[path]["bindings"] == []
    cluster.create(kind)
    assert cloud.policies[path]["bindings"][0]["members"] == [MEMBER]


def test_a_new_account_is_waited_for_and_the_user_told(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.account_delay = 6
    cluster.create("serviceAccounts", "buckets", "repositories")
    assert [note for note in cluster.api.notes if "firelib-node@demo" in note and "minutes" in note]
    assert len(cluster.api.notes) == 1


def test_an_account_that_stays_unknown_is_reported(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.create("serviceAccounts", "buckets")
    cloud.unseen["firelib-node@demo.iam.gserviceaccount.com"] = 10**6
    set_policy(cloud, cluster.resource("buckets"))
    api = Api(TOKEN, Pace(poll_seconds=0, visible_seconds=0.2))
    with refused(what=[("firelib-node@demo.iam.gserviceaccount.com", "does not exist")], kind=RequestError):
        grant(api, cluster.resource("buckets")["grant"], dry_run=False)
