"""What can be known is refused before anything is created."""

from typing import Any

import pytest

from firelib.gcp.resources.request_error import RequestError
from tests.cluster.fake_gcp import FakeCloud
from tests.cluster.fake_gcp.projects import NUMBER
from tests.errors import refused
from tests.gcp.vertex.lab import Lab

SERVICES = {"aiplatform", "artifactregistry", "cloudquotas", "iam", "secretmanager"}


@pytest.fixture
def enabled(cloud: FakeCloud) -> FakeCloud:
    cloud.disabled.clear()
    return cloud


@pytest.mark.usefixtures("enabled")
def test_all_findings_are_reported_at_once(cloud: FakeCloud) -> None:
    cloud.permissions = {"iam.serviceAccounts.create", "aiplatform.customJobs.create"}
    cloud.training_limits = {"nvidia_l4_gpus": 0, "cpus": 4}
    bucket = "/storage/storage/v1/b/demo-lab-firelib-jobs"
    cloud.resources[bucket] = {"name": "demo-lab-firelib-jobs", "location": "US-CENTRAL1"}
    account = "/iam/v1/projects/demo-lab/serviceAccounts/firelib-jobs@demo-lab.iam.gserviceaccount.com"
    cloud.resources[account] = {"email": "firelib-jobs"}
    with refused(
        what=[
            ("storage.buckets.create", "resourcemanager.projects.setIamPolicy"),
            ("serviceAccounts/firelib-jobs", "description"),
            ("gs://demo-lab-firelib-jobs", "us-central1", "europe-west4"),
            ("custom_model_training_cpus", "4", "8", "n1-standard-8"),
        ],
        where=["demo-lab", "europe-west4"],
        remedy=["MACHINE", "BUCKET"],
    ):
        Lab(cloud).set_up()
    assert cloud.sent == []


@pytest.mark.usefixtures("enabled")
def test_a_quota_of_nothing_names_the_machine(cloud: FakeCloud) -> None:
    with refused(what=("nvidia_l4_gpus".join(["custom_model_training_", ""]), "0", "1", "g2-standard-8")):
        Lab(cloud, MACHINE="g2-standard-8").set_up()
    assert cloud.sent == []


def test_quota_is_checked_once_its_service_is_enabled(cloud: FakeCloud) -> None:
    """Nothing is created: enabling services costs nothing."""
    cloud.training_limits = {"cpus": 0}
    with refused(what="custom_model_training_cpus"):
        Lab(cloud).set_up()
    assert [line for line in cloud.sent if "batchEnable" not in line] == []


@pytest.mark.parametrize("machine", ["n9-mega-64", "e2-standard-4"])
def test_a_quota_that_is_not_known_is_only_noted(enabled: FakeCloud, machine: str) -> None:
    enabled.training_limits = {}
    lab = Lab(enabled, MACHINE=machine)
    lab.set_up()
    assert any("quota not checked" in note for note in lab.api.notes)


def test_a_wrong_project(cloud: FakeCloud) -> None:
    with refused(what=["other-lab", "does not exist"], remedy="gcloud projects list"):
        Lab(cloud, PROJECT="other-lab").set_up()
    assert cloud.sent == []


def test_an_expired_login(cloud: FakeCloud) -> None:
    with refused(what="401", remedy="gcloud auth login", kind=RequestError):
        Lab(cloud, token="expired").set_up()
    assert cloud.sent == []


@pytest.mark.parametrize("location", ["EUROPE-WEST4", "EU"])
def test_a_bucket_in_the_region_or_the_multi_region_around_it(enabled: FakeCloud, location: str) -> None:
    enabled.resources["/storage/storage/v1/b/mine"] = {"name": "mine", "location": location}
    Lab(enabled, BUCKET="mine").set_up()


def test_a_bucket_of_somebody_else(enabled: FakeCloud) -> None:
    from tests.cluster.fake_gcp.requests import RefusedError

    def deny(request: Any) -> RefusedError | None:
        return RefusedError(403, "forbidden", "denied") if request.path == "/storage/storage/v1/b/taken" else None

    enabled.faults = deny
    with refused(what=["gs://taken", "not readable"]):
        Lab(enabled, BUCKET="taken").set_up()
    assert enabled.sent == []


@pytest.mark.parametrize(("number", "is_refused"), [(NUMBER, False), ("999", True)])
def test_a_stranger_may_have_taken_the_default_name(enabled: FakeCloud, number: str, is_refused: bool) -> None:
    """Code and models would go to them."""
    lab = Lab(enabled)
    name = f"{lab.settings.project}-firelib-jobs"
    enabled.resources[f"/storage/storage/v1/b/{name}"] = {
        "name": name,
        "location": "EUROPE-WEST4",
        "projectNumber": number,
    }
    if is_refused:
        with refused(what=[f"gs://{name}", "another project"]):
            lab.set_up()
    else:
        lab.set_up()
