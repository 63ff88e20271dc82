"""Compute Engine: operations, request ids, capacity, machines that use other resources, lists of all zones."""

from functools import partial

from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found
from tests.cluster.fake_gcp.state import FakeCloud

ADDRESS = "203.0.113.7"
PROJECT = "/compute/compute/v1/projects/demo"
MACHINE_TYPES = {
    "n1-standard-8": {"guestCpus": 8},
    "a3-highgpu-8g": {
        "guestCpus": 208,
        "accelerators": [{"guestAcceleratorType": "nvidia-h100-80gb", "guestAcceleratorCount": 8}],
    },
}
_GIVEN = {"addresses": {"address": ADDRESS}, "instances": {"status": "PROVISIONING"}}
_USERS = {"networks": ("subnetworks", "routers", "firewalls", "instances"), "subnetworks": ("instances",)}
_STOCK_OUT = "The zone '{}' does not have enough resources available to fulfill the request."


def handle(cloud: FakeCloud, request: Request) -> Json:
    if "/operations/" in request.path:
        return cloud.poll(request.path)
    if request.method == "GET":
        return _read(cloud, request)
    return _once(cloud, request)


def _once(cloud: FakeCloud, request: Request) -> Json:
    """Execute a request; one with a known id is a repetition, and gets the first response."""
    name = request.query.get("requestId", "")
    if name not in cloud.responses:
        cloud.record(request)
        response = {"DELETE": _delete, "PATCH": _patch, "POST": _post}[request.method](cloud, request)
        if not name:
            return response
        cloud.responses[name] = response
    return cloud.responses[name]


def _read(cloud: FakeCloud, request: Request) -> Json:
    if not request.path.startswith(PROJECT):
        raise not_found(request.path)
    if request.path == PROJECT or request.path.rpartition("/")[0].endswith("/regions"):
        return {"quotas": _quotas(cloud, is_global=request.path == PROJECT)}
    if "/aggregated/" in request.path:
        return _aggregate(cloud, request)
    if "/machineTypes/" in request.path or "/acceleratorTypes/" in request.path:
        return _read_type(cloud, request.path)
    if request.path not in cloud.resources:
        raise not_found(request.path)
    return cloud.resources[request.path]


def _quotas(cloud: FakeCloud, is_global: bool) -> list[Json]:
    return [
        {"metric": name.removeprefix("global:"), "limit": limit, "usage": usage}
        for name, (limit, usage) in cloud.limits.items()
        if name.startswith("global:") == is_global
    ]


def _read_type(cloud: FakeCloud, path: str) -> Json:
    if _zone(path) not in cloud.offered:
        raise not_found(path)
    return MACHINE_TYPES.get(path.rpartition("/")[2], {})


def _aggregate(cloud: FakeCloud, request: Request) -> Json:
    """List one kind in all zones and regions; an empty zone has a warning instead of a list."""
    kind, items = request.path.rpartition("/")[2], {"zones/us-east1-b": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}
    matching = [
        path for path, body in cloud.resources.items() if f"/{kind}/" in path and _matches(cloud, body, request)
    ]
    page, following = cloud.page([{"path": path} for path in matching], request)
    for path in (item["path"] for item in page):
        scope = path.removeprefix(f"{PROJECT}/").rpartition(f"/{kind}/")[0]
        items.setdefault(scope, {}).setdefault(kind, []).append(cloud.resources[path])
    return {"items": items, **following}


def _matches(cloud: FakeCloud, body: Json, request: Request) -> bool:
    if cloud.ignores_filters:
        return True
    name, _, value = request.query["filter"].partition("=")
    if name == "description":
        return bool(body.get("description") == value.strip('"'))
    return bool(body.get("labels", {}).get(name.removeprefix("labels.")) == value)


def _post(cloud: FakeCloud, request: Request) -> Json:
    kind = request.path.rpartition("/")[2]
    if kind in ("start", "resume"):
        return _start(cloud, request.path.rpartition("/")[0])
    if kind == "setMetadata":
        return _set_metadata(cloud, request.path.rpartition("/")[0], request.body)
    if kind in cloud.refuse:
        raise RefusedError(403, "quotaExceeded", cloud.refuse[kind])
    path = f"{request.path}/{request.body['name']}"
    if path in cloud.resources:
        raise RefusedError(409, "alreadyExists", f"The resource '{path}' already exists")
    if kind == "instances":
        return _insert_machine(cloud, path, request.body)
    return _operate(cloud, path, partial(cloud.create, path, request.body | _GIVEN.get(kind, {})))


def _patch(cloud: FakeCloud, request: Request) -> Json:
    if request.path not in cloud.resources:
        raise not_found(request.path)
    return _operate(cloud, request.path, partial(cloud.resources[request.path].update, request.body))


def _insert_machine(cloud: FakeCloud, path: str, body: Json) -> Json:
    for account in body["serviceAccounts"]:
        cloud.require_account(account["email"])
    if _zone(path) in cloud.full:
        return _refuse_capacity(cloud, path)
    _check_machine(cloud, path, body)
    cloud.create(path, body | _GIVEN["instances"] | {"metadata": body["metadata"] | {"fingerprint": "1"}})
    disk = path.replace("/instances/", "/disks/")
    cloud.create(disk, {"name": body["name"], "labels": body["disks"][0]["initializeParams"]["labels"]})
    return _operate(cloud, path, partial(cloud.resources[path].update, status="RUNNING"))


def _check_machine(cloud: FakeCloud, path: str, body: Json) -> None:
    """The subnet must exist, the address must be free, and what the body names must be in the machine's zone."""
    interface = body["networkInterfaces"][0]
    subnet = interface["subnetwork"]
    if f"/compute/compute/v1/{subnet}" not in cloud.resources:
        raise RefusedError(400, "invalid", f"The referenced subnetwork resource {subnet} cannot be found.")
    machines = [body for path, body in cloud.resources.items() if "/instances/" in path]
    if interface["networkIP"] in [machine["networkInterfaces"][0]["networkIP"] for machine in machines]:
        raise RefusedError(400, "invalid", f"IP '{interface['networkIP']}' is already being used by another resource.")
    kinds = [body["machineType"], body["disks"][0]["initializeParams"]["diskType"]]
    kinds += [gpu["acceleratorType"] for gpu in body.get("guestAccelerators", [])]
    if any(_zone(f"/{kind}") != _zone(path) for kind in kinds):
        raise RefusedError(400, "invalid", f"expected types of zone {_zone(path)}, got {kinds}")


def _refuse_capacity(cloud: FakeCloud, path: str) -> Json:
    message = _STOCK_OUT.format(f"projects/demo/zones/{_zone(path)}")
    if cloud.full[_zone(path)] == "503":
        raise RefusedError(503, "backendError", message)
    error = {"code": "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "message": message}
    done = {"error": {"errors": [error]}, "httpErrorStatusCode": 503}
    return _operate(cloud, path, lambda: None, done)


def _start(cloud: FakeCloud, path: str) -> Json:
    machine = cloud.resources[path]
    if machine["status"] not in ("TERMINATED", "SUSPENDED"):
        raise RefusedError(400, "resourceNotReady", f"The resource '{path}' is not ready")
    if _zone(path) in cloud.full:
        return _refuse_capacity(cloud, path)
    machine["status"] = "STAGING"
    return _operate(cloud, path, partial(machine.update, status="RUNNING"))


def _set_metadata(cloud: FakeCloud, path: str, body: Json) -> Json:
    """Replace the metadata of a machine, if nobody else has changed them since they were read."""
    machine = cloud.resources[path]
    if cloud.interference:
        cloud.interference -= 1
        others = [{"key": "ssh-keys", "value": f"{machine['metadata']['items'][-1]['value']}\nann:ssh-rsa OTHER"}]
        machine["metadata"] = {"items": others, "fingerprint": f"{machine['metadata']['fingerprint']}1"}
    if body.get("fingerprint") != machine["metadata"]["fingerprint"]:
        raise RefusedError(412, "conditionNotMet", "Supplied fingerprint does not match current metadata fingerprint.")
    return _operate(cloud, path, partial(machine.update, metadata=body | {"fingerprint": f"{body['fingerprint']}1"}))


def _delete(cloud: FakeCloud, request: Request) -> Json:
    path = request.path
    if path not in cloud.resources:
        raise not_found(path)
    kind, name = path.split("/")[-2:]
    users = [other for other in cloud.resources if other.split("/")[-2] in _USERS.get(kind, ()) and name in other]
    in_use = "disks" in kind and path.replace("/disks/", "/instances/") in cloud.resources
    if users or in_use:
        raise RefusedError(400, "resourceInUseByAnotherResource", f"The resource '{path}' is already being used")
    return _operate(cloud, path, partial(_remove, cloud, path))


def _remove(cloud: FakeCloud, path: str) -> None:
    if path in cloud.immortal:
        return
    del cloud.resources[path]
    cloud.resources.pop(path.replace("/instances/", "/disks/"), None)  # its boot disk goes with a machine


def _operate(cloud: FakeCloud, path: str, finish: partial[None], done: Json | None = None) -> Json:
    pending = {"kind": "compute#operation", "status": "RUNNING"}
    return cloud.operate(path.rpartition("/")[0].rpartition("/")[0], pending, {"status": "DONE"} | (done or {}), finish)


def _zone(path: str) -> str:
    return path.partition("/zones/" if "/zones/" in path else "zones/")[2].partition("/")[0]
