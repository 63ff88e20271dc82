"""A project for jobs: prepared once, with exactly the rights that a job needs, and removed without losing data."""

import pytest

from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.faults import EachOnce
from tests.errors import refused
from tests.gcp.resources.test_cluster import interrupted_after
from tests.gcp.vertex.lab import ACCOUNT, BUCKET, Lab

MEMBER = f"serviceAccount:{ACCOUNT}"
PROJECT = "/cloudresourcemanager/v1/projects/demo-lab"
IMAGES = "/artifactregistry/v1/projects/demo-lab/locations/europe-west4/repositories/firelib-jobs"


def roles(cloud: FakeCloud, member: str) -> dict[str, list[str]]:
    """Service → the roles of a member there."""
    found: dict[str, list[str]] = {}
    for path, policy in cloud.policies.items():
        for binding in policy.get("bindings", []):
            if member in binding["members"]:
                found.setdefault(path.split("/")[1], []).append(binding["role"])
    return found


def test_second_run_changes_nothing(cloud: FakeCloud) -> None:
    lab = Lab(cloud, SECRET="WANDB_API_KEY")
    assert all(lab.set_up("secret-value"))
    sent = list(cloud.sent)
    assert not any(lab.set_up("secret-value"))
    assert cloud.sent == sent
    assert lab.set_up("another") == [*[False] * 10, True]


def test_jobs_get_exactly_the_rights_that_they_need(cloud: FakeCloud) -> None:
    Lab(cloud, SECRET="WANDB_API_KEY").set_up("secret-value")
    assert roles(cloud, MEMBER) == {
        "storage": ["roles/storage.objectUser"],
        "artifactregistry": ["roles/artifactregistry.reader"],
        "cloudresourcemanager": ["roles/logging.logWriter"],
        "secretmanager": ["roles/secretmanager.secretAccessor"],
    }
    assert roles(cloud, "user:me@example.com") == {"iam": ["roles/iam.serviceAccountUser"]}


def test_converges_with_every_fault(cloud: FakeCloud) -> None:
    """Each request meets each transient error once; services and accounts are visible late; others write policies."""
    cloud.faults, cloud.operation_requests = EachOnce(), 3
    cloud.account_delay, cloud.enabling_requests, cloud.interference, cloud.rights_delay = 4, 3, 3, 9
    lab = Lab(cloud)
    lab.set_up()
    assert cloud.disabled == {"secretmanager"}  # nobody asked for a secret
    assert set(cloud.created.values()) == {1}
    assert set(roles(cloud, MEMBER)) == {"storage", "artifactregistry", "cloudresourcemanager"}
    lab.tear_down()
    assert cloud.resources == {}


@pytest.mark.parametrize("requests", [5, 12, 19])
def test_an_interrupted_run_is_completed_by_the_next(cloud: FakeCloud, requests: int) -> None:
    with interrupted_after(cloud, requests):
        Lab(cloud).set_up()
    lab = Lab(cloud)
    lab.set_up()
    assert set(cloud.created.values()) == {1}
    assert lab.submit(cloud)["state"] == "JOB_STATE_SUCCEEDED"
    with interrupted_after(cloud, requests):
        lab.tear_down()
    lab.tear_down()
    assert cloud.resources == {}
    assert roles(cloud, MEMBER) == {}


def test_a_job_runs_and_its_log_arrives(cloud: FakeCloud, lab: Lab) -> None:
    lab.set_up()
    job = lab.submit(cloud)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert lab.log(cloud, job["name"]) == ["training starts"]


@pytest.mark.parametrize(
    ("path", "message"), [(IMAGES, "pull image"), (BUCKET, "storage.objects.create"), (PROJECT, "")]
)
def test_a_job_that_lacks_a_right_fails_or_says_nothing(cloud: FakeCloud, lab: Lab, path: str, message: str) -> None:
    """The stand-in enforces rights: none of those that the role grants is superfluous."""
    lab.set_up()
    cloud.effective[path] = {"bindings": []}
    job = lab.submit(cloud)
    assert message in job.get("error", {}).get("message", "")
    assert lab.log(cloud, job["name"]) == []


def test_rights_count_only_after_a_while(cloud: FakeCloud, lab: Lab) -> None:
    cloud.rights_delay = 50
    lab.set_up()
    with refused(what=["403", "act as"]):
        lab.submit(cloud)
    for _ in range(50):
        lab.log(cloud, "none")
    assert lab.submit(cloud)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_bucket_with_objects_is_not_removed_nor_anything_else(cloud: FakeCloud, lab: Lab) -> None:
    lab.set_up()
    cloud.objects[BUCKET] = [{"name": "firelib/runs/1", "generation": "1", "size": "100"}]
    sent = list(cloud.sent)
    with refused(what=["gs://demo-lab-firelib-jobs", "1 objects", "100 bytes"], remedy="gcloud storage rm"):
        lab.tear_down()
    assert cloud.sent == sent
    cloud.objects[BUCKET] = []
    lab.tear_down()
    assert cloud.resources == {}


def test_what_others_made_stays(cloud: FakeCloud) -> None:
    """A bucket of the user's own is used, and loses the account's right at the end, but is not deleted."""
    mine = "/storage/storage/v1/b/mine"
    cloud.resources[mine] = {"name": "mine", "location": "EUROPE-WEST4"}
    lab = Lab(cloud, BUCKET="mine")
    lab.set_up()
    assert lab.submit(cloud)["state"] == "JOB_STATE_SUCCEEDED"
    lab.tear_down()
    assert list(cloud.resources) == [mine]
    assert roles(cloud, MEMBER) == {}
