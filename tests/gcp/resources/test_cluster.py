"""A whole cluster: set up, again, torn down, with all faults of the stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from firelib.gcp.resources.api import Api
from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.faults import EachOnce
from tests.cluster.fake_gcp.requests import Request
from tests.cluster.gcp_cluster import Cluster


class _InterruptError(Exception):
    """Somebody kills the playbook."""


@contextmanager
def interrupted_after(cloud: FakeCloud, requests: int) -> Iterator[None]:
    """Kill what runs inside at a request, which is executed."""
    left = requests

    def fault(request: Request) -> None:
        nonlocal left
        left -= 1

    cloud.faults = fault
    send = Api.send

    def send_until_killed(*arguments: object, **options: object) -> object:
        result = send(*arguments, **options)
        if left <= 0:
            raise _InterruptError
        return result

    with pytest.MonkeyPatch.context() as patch, suppress(_InterruptError):
        patch.setattr(Api, "send", send_until_killed)
        yield
    cloud.faults = lambda _: None


def test_second_run_changes_nothing(cloud: FakeCloud, cluster: Cluster) -> None:
    assert all(outcome.changed for outcome in cluster.set_up())
    sent = list(cloud.sent)
    assert not any(outcome.changed for outcome in cluster.set_up())
    assert cloud.sent == sent


def test_teardown_keeps_data_and_leaves_no_right_on_it(cloud: FakeCloud, cluster: Cluster) -> None:
    cluster.set_up()
    cluster.tear_down()
    assert {path.split("/")[1] for path in cloud.resources} == {"artifactregistry", "storage"}
    bindings = [binding for policy in cloud.policies.values() for binding in policy["bindings"]]
    members = [member for binding in bindings for member in binding["members"]]
    assert members == ["projectOwner:demo"]
    cluster.tear_down(delete_data=True)
    assert cloud.resources == {}


def test_dry_runs_change_nothing(cloud: FakeCloud, cluster: Cluster) -> None:
    assert all(outcome.changed for outcome in cluster.set_up(dry_run=True))
    assert cloud.sent == []
    cluster.set_up()
    sent = list(cloud.sent)
    assert all(outcome.changed for outcome in cluster.tear_down(delete_data=True, dry_run=True))
    assert cloud.sent == sent


def test_everything_converges_with_every_fault(cloud: FakeCloud, cluster: Cluster) -> None:
    """Each request meets 429, 503, 500, 403 and a lost response once; accounts, operations and etags are slow."""
    cloud.faults, cloud.operation_requests, cloud.account_delay, cloud.interference = EachOnce(), 3, 4, 2
    cluster.set_up()
    assert set(cloud.created.values()) == {1}
    assert {body["status"] for path, body in cloud.resources.items() if "/instances/" in path} == {"RUNNING"}
    assert not any(outcome.changed for outcome in cluster.set_up())
    bucket = cluster.resource("buckets")["url"].removeprefix(cloud.api)
    cloud.objects[bucket] = [{"name": f"a/{n}", "generation": "1", "size": "10"} for n in range(5)]
    cluster.tear_down(delete_data=True)
    assert cloud.resources == {}
    assert cluster.delete_leftovers() == []


@pytest.mark.parametrize("requests", range(20, 100, 20))
def test_interrupted_setup_and_teardown_can_be_repeated(cloud: FakeCloud, cluster: Cluster, requests: int) -> None:
    with interrupted_after(cloud, requests):
        cluster.set_up()
    cluster.set_up()
    assert set(cloud.created.values()) == {1}
    with interrupted_after(cloud, requests):
        cluster.tear_down(delete_data=True)
    cluster.tear_down(delete_data=True)
    assert cloud.resources == {}
