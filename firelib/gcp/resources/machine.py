"""One machine of a cluster: found in any zone, created where there is capacity, started again after it was stopped."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from firelib.gcp.resources.account_visibility import wait_until_visible
from firelib.gcp.resources.aggregated import Located, find_marked
from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.ownership import check_ours
from firelib.gcp.resources.request_error import RequestError, StockOutError
from firelib.gcp.resources.resource import Outcome
from firelib.gcp.resources.ssh_keys import add_key

#: States in which a machine uses quota for cores and GPUs.
ACTIVE = {"PROVISIONING", "STAGING", "RUNNING", "REPAIRING"}
# State → the request that leads back to RUNNING. In the other states, Compute Engine is still at work.
_RETURN = {"TERMINATED": "start", "STOPPED": "start", "SUSPENDED": "resume"}
_EXISTS = 409


def create_machine(api: Api, machine: Mapping[str, Any], dry_run: bool) -> Outcome:
    """Create a machine in the first zone with capacity, or start it where it is and add the caller's SSH key.

    Args:
        api: Google Cloud's APIs.
        machine: The planned machine: `name`, `compute`, `zones`, `body`, `mark`, `account`; `{zone}` in the URLs and
            the body stands for the zone.
        dry_run: Only read.

    Returns:
        Whether something changed (or would change), and the machine.

    Raises:
        ForeignResourceError: A machine with this name exists, but this cluster did not create it.
        StockOutError: No zone has capacity.
        RequestError: A request failed.
    """
    ours = list(find_marked(api, machine["compute"], machine["mark"], "instances"))
    existing = next((found for found in ours if found.name == machine["name"]), None)
    if existing:
        _note_other_type(api, existing, machine["machine_type"])
        running = _run(api, existing, dry_run)
        added = add_key(api, existing, machine["body"], dry_run)
        return replace(running, changed=running.changed or added)
    zones = order_zones(machine["zones"], [found.location for found in ours])
    if dry_run:
        return Outcome(True, in_zone(machine, zones[0])["body"])
    return _create_in_first(api, machine, zones)


def order_zones(zones: Sequence[str], used: Sequence[str]) -> list[str]:
    """Order the zones to try: zones with machines of the cluster first, since traffic inside a zone is fast and free.

    Args:
        zones: The zones of the cluster file, most wanted first.
        used: Zones of the cluster's machines.
    """
    return sorted(zones, key=lambda zone: zone not in used)


def in_zone(machine: Mapping[str, Any], zone: str) -> Json:
    """Fill the zone into a planned machine.

    Args:
        machine: The planned machine.
        zone: The zone.
    """
    filled: Json = json.loads(json.dumps(machine).replace("{zone}", zone))
    return filled


def _create_in_first(api: Api, machine: Mapping[str, Any], zones: Sequence[str]) -> Outcome:
    for zone in zones:
        planned = in_zone(machine, zone)
        try:
            _insert(api, planned)
        except RequestError as error:
            if not error.is_stock_out:
                raise
            api.notes.append(f"zone {zone} has no capacity for {machine['name']} now: {error.message}")
        else:
            return Outcome(True, _await_visible(api, planned))
    raise StockOutError(
        f"{machine['name']}: no capacity for machine type {planned['machine_type']} now",
        where=", ".join(zones),
        remedy="run the same command again later, add zones of the region to `zones`, or choose another machine type",
    )


def _insert(api: Api, planned: Json) -> None:
    try:
        insert = planned["create"], planned["body"]
        wait_until_visible(api, planned["account"], lambda: api.change("POST", *insert))
    except RequestError as error:
        if error.status != _EXISTS:
            raise


def _await_visible(api: Api, planned: Json) -> Json:
    found = api.poll(f"GET {planned['url']}", lambda: api.get(planned["url"]))
    check_ours(planned, found)
    return found


def _note_other_type(api: Api, machine: Located, wanted: str) -> None:
    """Tell that a machine keeps its type: only a stopped one could change it, and not to every other type."""
    found = machine.fields["machineType"].rpartition("/")[2]
    if found != wanted:
        api.notes.append(
            f"{machine.name} stays a {found}, but the cluster file says {wanted}. To create it anew, which deletes its "
            f"disk: gcloud compute instances delete {machine.name} --zone {machine.location}, then run this again"
        )


def _run(api: Api, machine: Located, dry_run: bool) -> Outcome:
    """Lead a machine back to RUNNING: a Spot machine that was preempted, or one that autostop powered off."""
    stopped = machine.fields["status"] not in ACTIVE
    if stopped:
        api.notes.append(f"{machine.name} is {machine.fields['status']} (preempted, or powered off): starting it")
    if dry_run:
        return Outcome(stopped, machine.fields)
    try:
        return Outcome(stopped, api.poll(f"GET {machine.url}", lambda: _step(api, machine)))
    except RequestError as error:
        if not error.is_stock_out:
            raise
        raise _explain_stock_out(machine, error) from None


def _step(api: Api, machine: Located) -> Json | None:
    """Go one step towards RUNNING; return the machine once it runs."""
    found = api.send("GET", machine.url)
    if found["status"] == "RUNNING":
        return found
    if action := _RETURN.get(found["status"]):
        api.change("POST", f"{machine.url}/{action}", {})
    return None


def _explain_stock_out(machine: Located, error: RequestError) -> StockOutError:
    zone = machine.location
    return StockOutError(
        f"{machine.name} is stopped, and zone {zone}, where its disk is, has no capacity to start it: {error.message}",
        where=machine.url,
        remedy=f"run the same command again later. To create the machine anew in another zone, which deletes its disk: "
        f"gcloud compute instances delete {machine.name} --zone {zone}, then run the same command again",
    )
