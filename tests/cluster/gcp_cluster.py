"""A cluster on Google Cloud, planned by the filters of the playbooks, set up and torn down in the role's order."""

from typing import Any

from firelib.gcp.resources.api import Api, Pace
from firelib.gcp.resources.leftovers import delete_leftovers
from firelib.gcp.resources.machine import create_machine
from firelib.gcp.resources.preflight import check_plan
from firelib.gcp.resources.resource import Outcome, create, delete
from tests.cluster.fake_gcp import ADDRESS, TOKEN, FakeCloud
from tests.cluster.programs import load
from tests.patience import patience

GCP = {
    "project": "demo",
    "region": "europe-west4",
    "zones": ["europe-west4-a", "europe-west4-b"],
    "machine_type": "n1-standard-8",
    "gpus": {"type": "nvidia-tesla-t4", "count": 1},
    "spot": True,
    "allow_from": "198.51.100.4/32",
}
KEY = "ssh-ed25519 AAAA fire"
GOOGLE = "https://{service}.googleapis.com"
Item = dict[str, Any]


def settings(**changes: Any) -> Item:
    from firelib.ray_setup.cluster_file import Gcp

    gcp = Gcp.model_validate(GCP | changes).model_dump()
    hosts = {"head_ip": "10.10.0.10", "worker_ips": ["10.10.0.11"], "external_head_ip": ADDRESS}
    return {"name": "firelib", "user": "fire", "gcp": gcp, **hosts}


def plan(api: str = GOOGLE, **changes: Any) -> Item:
    made: Item = load("filters/gcp.py").plan(settings(**changes), api)
    return made


def resources(api: str = GOOGLE, key: str = KEY, **changes: Any) -> list[Item]:
    made: list[Item] = load("filters/gcp.py").resources(settings(**changes), api, GCP["allow_from"], key)
    return made


class Cluster:
    """The cluster in a stand-in.

    Args:
        cloud: The stand-in.
        key: SSH key of the user.
        changes: Changes of the section `gcp`.
    """

    def __init__(self, cloud: FakeCloud, key: str = KEY, **changes: Any) -> None:
        url = cloud.api + "/{service}"
        self.api = Api(TOKEN, Pace(poll_seconds=0, deadline_seconds=patience(20), visible_seconds=patience(20)))
        self.plan, self.resources = plan(url, **changes), resources(url, key, **changes)

    def resource(self, kind: str) -> Item:
        return next(item for item in self.resources if item["kind"] == kind)

    @property
    def machines(self) -> list[Item]:
        return [item for item in self.resources if item["kind"] == "instances"]

    def create(self, *kinds: str) -> None:
        """Create the resources of some kinds only."""
        for item in self.resources:
            if item["kind"] in kinds:
                create(self.api, item, dry_run=False)

    def create_machines(self, dry_run: bool = False) -> list[Outcome]:
        return [create_machine(self.api, item, dry_run) for item in self.machines]

    def set_up(self, dry_run: bool = False) -> list[Outcome]:
        check_plan(self.api, self.plan, self.resources)
        others = [item for item in self.resources if item["kind"] != "instances"]
        return [
            *(create(self.api, item, dry_run) for item in others),
            *self.create_machines(dry_run),
        ]

    def tear_down(self, delete_data: bool = False, dry_run: bool = False) -> list[Outcome]:
        self.delete_leftovers(dry_run)
        others = [item for item in reversed(self.resources) if item["kind"] != "instances"]
        return [delete(self.api, item, dry_run, keep=item["holds_data"] and not delete_data) for item in others]

    def delete_leftovers(self, dry_run: bool = False) -> list[str]:
        return delete_leftovers(self.api, self.plan["compute"], self.plan["marks"], dry_run)
