"""Checks of a planned cluster before anything is created: machine types, names that are taken, quotas."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from firelib.errors import FirelibError
from firelib.gcp.quota_metrics import ALL_GPUS, QuotaMetric, cpu_metrics, disk_metric, gpu_metrics
from firelib.gcp.resources.aggregated import find_marked
from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.machine import ACTIVE, in_zone
from firelib.gcp.resources.ownership import explain_foreign, is_ours
from firelib.gcp.resources.quota import Need, Quotas, total
from firelib.gcp.resources.request_error import RequestError

_CONSOLE = "https://console.cloud.google.com/iam-admin/quotas?project="


def check_plan(api: Api, plan: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> None:
    """Raise one error with all findings, unless the planned cluster can be created.

    Args:
        api: Google Cloud's APIs.
        plan: What filter `gcp_plan` returns.
        resources: What filter `gcp_resources` returns.

    Raises:
        FirelibError: A zone does not offer the machine type or GPU, a name is taken, or a quota is too small.
        RequestError: A request failed.
    """
    quotas = Quotas(
        api, plan["compute"], plan["quotas"], plan["region"]
    )  # first: a wrong project offers nothing at all
    offers = {zone: _read_machine_type(api, plan, zone) for zone in plan["zones"]}
    findings = [*_missing_offers(api, plan, offers), *_taken_names(api, resources)]
    machine_type = next((offer for offer in offers.values() if offer), None)
    if machine_type:
        findings += _short_quotas(api, plan, resources, machine_type, quotas)
    if findings:
        raise FirelibError(
            "\n".join(findings),
            where=f"project {plan['project']}, region {plan['region']}",
            remedy=f"nothing was changed. Quotas: ask for more at {_CONSOLE}{plan['project']}, or choose another "
            "region, machine type or number of workers. Names: choose another cluster_name, or remove that resource",
        )


def _read_machine_type(api: Api, plan: Mapping[str, Any], zone: str) -> Json | None:
    return api.get(f"{plan['compute']}/zones/{zone}/machineTypes/{plan['machine_type']}")


def _missing_offers(api: Api, plan: Mapping[str, Any], offers: Mapping[str, Json | None]) -> Iterator[str]:
    for zone, offer in offers.items():
        if offer is None:
            yield f"zone {zone} does not offer machine type {plan['machine_type']}"
        gpus = plan["gpus"]
        if gpus and api.get(f"{plan['compute']}/zones/{zone}/acceleratorTypes/{gpus['type']}") is None:
            yield f"zone {zone} does not offer GPU {gpus['type']}"


def _taken_names(api: Api, resources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for resource in resources:
        for planned in [in_zone(resource, zone) for zone in resource.get("zones", [""])]:
            if finding := _explain_taken(api, planned):
                yield finding


def _explain_taken(api: Api, planned: Mapping[str, Any]) -> str | None:
    kind, name = planned["kind"], planned["name"]
    try:
        found = api.get(planned["url"])
    except RequestError as error:
        if error.status != 403 or kind != "buckets":
            raise
        return (
            f"{kind}/{name} is not readable ({error.message}): names of buckets are global, and this one may be taken"
        )
    return explain_foreign(kind, name, planned["mark"]) if found and not is_ours(planned["mark"], found) else None


def _short_quotas(
    api: Api, plan: Mapping[str, Any], resources: Sequence[Mapping[str, Any]], machine_type: Json, quotas: Quotas
) -> list[str]:
    machines = [resource["name"] for resource in resources if resource["kind"] == "instances"]
    found = find_marked(api, plan["compute"], {"labels": plan["marks"]["labels"]}, "instances")
    states = {machine.name: machine.fields["status"] for machine in found}
    idle = [name for name in machines if states.get(name) not in ACTIVE]
    needs = [need for _ in idle for need in _needs_of_active_machine(plan, machine_type)]
    needs += [Need(plan["disk_gib"], (disk_metric(plan["disk_type"]),)) for name in machines if name not in states]
    if machines and machines[0] in idle:
        needs.append(Need(1, (QuotaMetric("IN_USE_ADDRESSES"),)))  # the head is the first machine
    return [finding for need in total(needs) if (finding := quotas.explain_shortage(need))]


def _needs_of_active_machine(plan: Mapping[str, Any], machine_type: Json) -> Iterator[Need]:
    yield Need(machine_type["guestCpus"], cpu_metrics(plan["machine_type"], plan["spot"]))
    for gpu, count in _list_gpus(plan, machine_type):
        yield Need(count, gpu_metrics(gpu, plan["spot"]))
        yield Need(count, (ALL_GPUS,))


def _list_gpus(plan: Mapping[str, Any], machine_type: Json) -> Iterator[tuple[str, int]]:
    """The GPUs of one machine: built in, or attached."""
    for built_in in machine_type.get("accelerators", []):
        yield built_in["guestAcceleratorType"], built_in["guestAcceleratorCount"]
    if plan["gpus"]:
        yield plan["gpus"]["type"], plan["gpus"]["count"]
