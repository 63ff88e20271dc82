"""Which resources belong to a cluster: those with its label, or its description where Google has no labels."""

from collections.abc import Mapping
from typing import Any

from firelib.gcp.resources.request_error import ForeignResourceError


def is_ours(mark: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether a resource carries the cluster's mark.

    Args:
        mark: Fields and values, such as `{"labels": {"firelib-cluster": "firelib"}}`.
        found: The resource as Google Cloud describes it.
    """
    return all(_contains(found.get(name), value) for name, value in mark.items())


def _contains(found: object, expected: object) -> bool:
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and expected.items() <= found.items()
    return found == expected


def explain_foreign(kind: str, name: str, mark: Mapping[str, Any]) -> str:
    """The finding for a resource with one of the cluster's names, but without its mark."""
    expected = ", ".join(f"{field}: {value}" for field, value in mark.items())
    return f"{kind}/{name} exists, but this cluster did not create it: expected {expected}"


def check_ours(resource: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raise unless a resource carries the cluster's mark.

    Args:
        resource: The planned resource: `kind`, `name`, `url`, `mark`.
        found: The resource as Google Cloud describes it.

    Raises:
        ForeignResourceError: It does not.
    """
    if not is_ours(resource["mark"], found):
        raise ForeignResourceError(
            explain_foreign(resource["kind"], resource["name"], resource["mark"]),
            where=resource["url"],
            remedy="choose another cluster_name, or delete or rename that resource",
        )
