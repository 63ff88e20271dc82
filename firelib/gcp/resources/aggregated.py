"""A cluster's resources in all zones and regions, found by its mark."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.ownership import is_ours

# In the order of deletion: a disk is free when its machine is gone, a subnet when all machines in it are.
LABELED = ("instances", "disks", "addresses")
DESCRIBED = ("routers", "subnetworks")


@dataclass(frozen=True)
class Located:
    """A resource and where it is.

    Attributes:
        kind: Google's name of the collection, such as `instances`.
        scope: `zones/NAME`, `regions/NAME` or `global`.
        url: URL of the resource.
        fields: The resource as Google Cloud describes it.
    """

    kind: str
    scope: str
    url: str
    fields: Json

    @property
    def name(self) -> str:
        """Name of the resource."""
        return str(self.fields["name"])

    @property
    def location(self) -> str:
        """Zone, region or `global`."""
        return self.scope.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} ({self.location})"


def find_marked(api: Api, compute: str, mark: Mapping[str, Any], kind: str) -> Iterator[Located]:
    """Find a cluster's resources of one kind in all zones and regions.

    Teardown deletes what this function yields, so the mark is checked again here, whatever Google's filter matches.

    Args:
        api: Google Cloud's APIs.
        compute: URL of the project in Compute Engine's API.
        mark: The cluster's mark: `labels`, or `description`.
        kind: Google's name of the collection.
    """
    for page in api.pages(f"{compute}/aggregated/{kind}", filter=_filter(mark)):
        for scope, found in page.get("items", {}).items():
            for fields in filter(partial(is_ours, mark), found.get(kind, [])):
                yield Located(kind, scope, f"{compute}/{scope}/{kind}/{fields['name']}", fields)


def _filter(mark: Mapping[str, Any]) -> str:
    if "labels" in mark:
        return " AND ".join(f"labels.{name}={value}" for name, value in mark["labels"].items())
    return f'description="{mark["description"]}"'
