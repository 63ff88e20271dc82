"""What is left of a cluster anywhere in the project: machines, disks, addresses, routers and subnets with its mark."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from firelib.gcp.resources.aggregated import DESCRIBED, LABELED, Located, find_marked
from firelib.gcp.resources.api import Api
from firelib.gcp.resources.resource import remove

_CONCURRENT_DELETIONS = 8  # a machine takes a minute to delete


def find_leftovers(api: Api, compute: str, marks: Mapping[str, Any]) -> Iterator[list[Located]]:
    """Find what carries a cluster's mark, in all zones and regions.

    Args:
        api: Google Cloud's APIs.
        compute: URL of the project in Compute Engine's API.
        marks: The cluster's `labels` and `description`.

    Yields:
        The resources of each kind, in the order in which they can be deleted.
    """
    for field, kinds in (("labels", LABELED), ("description", DESCRIBED)):
        for kind in kinds:
            yield list(find_marked(api, compute, {field: marks[field]}, kind))


def delete_leftovers(api: Api, compute: str, marks: Mapping[str, Any], dry_run: bool) -> list[str]:
    """Delete what carries a cluster's mark.

    Args:
        api: Google Cloud's APIs.
        compute: URL of the project in Compute Engine's API.
        marks: The cluster's `labels` and `description`.
        dry_run: Only list.

    Returns:
        What was (or would be) deleted. Disks that disappear with their machine are not listed.

    Raises:
        RequestError: A request failed.
    """
    deleted: list[str] = []
    with ThreadPoolExecutor(_CONCURRENT_DELETIONS) as pool:
        for found in find_leftovers(api, compute, marks):  # lazily: disks are listed when the machines are gone
            if not dry_run:
                list(pool.map(lambda resource: remove(api, resource.url), found))
            deleted += map(str, found)
    return deleted
