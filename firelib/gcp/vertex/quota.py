"""The quota of custom training, which is separate from Compute Engine's, from the Cloud Quotas API."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from firelib.errors import FirelibError
from firelib.gcp.pricing import quotas
from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.request_error import RequestError

_UNLIMITED = -1.0


def find_shortages(api: Api, plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield each quota that is too small for one machine of the planned type; the API reports no usage.

    A job beyond its quota may wait in the queue without end, so the limit is worth a request.

    Args:
        api: Google Cloud's APIs. It gets a note if the quotas cannot be read, or the catalog lacks the machine type.
        plan: What `plan_project` returns.
    """
    settings = plan["settings"]
    needed: Mapping[str, int] = {}
    with suppress(FirelibError):  # a machine type that the catalog does not list
        needed = quotas(settings["machine"], None, "on-demand", 1, "training")
    limits = _read_limits(api, plan, needed) if needed else {}
    for metric, amount in needed.items():
        limit = limits.get(metric)
        if limit is not None and limit != _UNLIMITED and limit < amount:
            yield f"quota {metric} ({settings['region']}): limit {limit:g}, need {amount} for one {settings['machine']}"
    if unknown := [metric for metric in needed if metric not in limits] or (not needed and [settings["machine"]]):
        api.notes.append(f"quota not checked: {', '.join(unknown)}")


def _read_limits(api: Api, plan: Mapping[str, Any], metrics: Mapping[str, int]) -> dict[str, float]:
    """The limit of each metric in the region, as far as the API tells."""
    settings, quota_api = plan["settings"], plan["api"].format(service="cloudquotas")
    url = (
        f"{quota_api}/v1/projects/{settings['project']}/locations/global/services/aiplatform.googleapis.com/quotaInfos"
    )
    limits = {}
    try:
        for page in api.pages(url, pageSize="200"):
            for info in page.get("quotaInfos", []):
                limit = find_limit(info.get("dimensionsInfos", []), settings["region"])
                if info.get("metric") in metrics and limit is not None:
                    limits[str(info["metric"])] = limit
    except RequestError as error:
        api.notes.append(f"quotas cannot be read: {error.message}")
    return limits


def find_limit(infos: Sequence[Json], region: str) -> float | None:
    """Return the limit of a region; an entry for the region itself takes precedence over one for several.

    Args:
        infos: `dimensionsInfos` of a quota in the Cloud Quotas API.
        region: The region.
    """
    matching = [
        info
        for info in infos
        if info.get("dimensions", {}).items() <= {"region": region}.items()
        and region in info.get("applicableLocations", [region])
    ]
    best = max(matching, key=lambda info: len(info.get("dimensions", {})), default=None)
    return None if best is None else float(best.get("details", {}).get("value", 0))
