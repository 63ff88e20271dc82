"""A project for jobs in the stand-in of Google Cloud, prepared and removed in the order of role `vertex`."""

from typing import Any

from firelib.gcp.resources.api import Api, Pace
from firelib.gcp.resources.iam_policy import grant, revoke
from firelib.gcp.resources.resource import Outcome, create, delete
from firelib.gcp.vertex.caller import read_member
from firelib.gcp.vertex.plan import plan_project
from firelib.gcp.vertex.preflight import check_setup, check_teardown
from firelib.gcp.vertex.secret_version import store
from firelib.gcp.vertex.services import enable
from firelib.gcp.vertex.settings import parse_settings
from tests.cluster.fake_gcp import TOKEN, FakeCloud
from tests.patience import patience

WORDS = {"PROJECT": "demo-lab", "REGION": "europe-west4"}
ACCOUNT = "firelib-jobs@demo-lab.iam.gserviceaccount.com"
BUCKET = "/storage/storage/v1/b/demo-lab-firelib-jobs"


class Lab:
    """A project.

    Args:
        cloud: The stand-in.
        token: Access token.
        words: Further words of `make vertex`.
    """

    def __init__(self, cloud: FakeCloud, token: str = TOKEN, **words: str) -> None:
        pace = Pace(poll_seconds=0, deadline_seconds=patience(20), visible_seconds=patience(20))
        self.api = Api(token, pace)
        self.settings = parse_settings(WORDS | words)
        self.plan = plan_project(self.settings, cloud.api + "/{service}")

    def set_up(self, value: str = "") -> list[bool]:
        """Prepare the project, and return what changed."""
        check_setup(self.api, self.plan)
        services = enable(self.api, self.plan, dry_run=False)
        member = read_member(self.api, self.plan)
        check_setup(self.api, self.plan)
        made = [create(self.api, resource, dry_run=False).changed for resource in self.plan["resources"]]
        grants = [*self.plan["grants"], self.plan["caller_grant"] | {"member": member}]
        granted = [grant(self.api, wanted, dry_run=False) for wanted in grants]
        stored = [store(self.api, self.plan["secret"], value, dry_run=False)] if self.plan["secret"] else []
        return [bool(services), *made, *granted, *stored]

    def tear_down(self) -> list[Outcome]:
        check_teardown(self.api, self.plan)
        for wanted in self.plan["grants"]:
            revoke(self.api, wanted, dry_run=False)
        return [delete(self.api, resource, dry_run=False) for resource in reversed(self.plan["resources"])]

    def submit(self, cloud: FakeCloud) -> dict[str, Any]:
        """Run a job as `firelib submit` would describe it, and return its end."""
        settings = self.settings
        container = {"imageUri": f"{settings.registry}/firelib-trainer@sha256:{'0' * 64}"}
        spec = {
            "serviceAccount": settings.account,
            "baseOutputDirectory": {"outputUriPrefix": f"{settings.storage_root}/jobs/1/output"},
            "workerPoolSpecs": [{"containerSpec": container}],
        }
        url = f"{cloud.api}/aiplatform/v1/projects/demo-lab/locations/europe-west4/customJobs"
        return self.api.send("POST", url, {"jobSpec": spec})

    def log(self, cloud: FakeCloud, job: str) -> list[str]:
        answer = self.api.send("POST", f"{cloud.api}/logging/v2/entries:list", {"filter": job})
        return [entry["textPayload"] for entry in answer.get("entries", [])]
