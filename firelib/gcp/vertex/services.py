"""Google's services of a project: which are enabled, and enabling the others."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from firelib.gcp.resources.api import Api
from firelib.gcp.resources.request_error import RequestError


def find_disabled(api: Api, plan: Mapping[str, Any]) -> list[str]:
    """Return the planned services that are not enabled, such as `aiplatform.googleapis.com`.

    Args:
        api: Google Cloud's APIs.
        plan: What `plan_project` returns.

    Raises:
        RequestError: The request failed.
    """
    parent, services = _services(plan), plan["services"]
    names = urlencode([("names", f"projects/{plan['settings']['project']}/services/{name}") for name in services])
    answer = api.send("GET", f"{parent}:batchGet?{names}")
    states = {service["name"].rpartition("/")[2]: service.get("state") for service in answer.get("services", [])}
    return [name for name in services if states.get(name) != "ENABLED"]


def enable(api: Api, plan: Mapping[str, Any], dry_run: bool) -> list[str]:
    """Enable the planned services that are not enabled, and wait until they respond.

    Args:
        api: Google Cloud's APIs.
        plan: What `plan_project` returns.
        dry_run: Only read.

    Returns:
        The services that were (or would be) enabled.

    Raises:
        RequestError: A request failed, or a service does not respond in time.
    """
    disabled = find_disabled(api, plan)
    if disabled and not dry_run:
        api.change("POST", f"{_services(plan)}:batchEnable", {"serviceIds": disabled})
        _wait_until_they_respond(api, plan["probes"])
        api.notes.append(f"enabled {', '.join(disabled)}")
    return disabled


def _wait_until_they_respond(api: Api, probes: Iterable[str]) -> None:
    """A service that has just been enabled refuses requests for a while, as if it were still disabled."""
    for url in probes:
        api.retry(_is_disabled, api.pace.visible_seconds, partial(_probe, api, url))


def _probe(api: Api, url: str) -> None:
    """Any response shows that the service works, also a refusal."""
    try:
        api.get(url)
    except RequestError as error:
        if error.is_service_disabled:
            raise


def _is_disabled(error: Exception) -> bool:
    return isinstance(error, RequestError) and error.is_service_disabled


def _services(plan: Mapping[str, Any]) -> str:
    return f"{plan['api'].format(service='serviceusage')}/v1/projects/{plan['settings']['project']}/services"
