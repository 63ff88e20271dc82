"""The Google Cloud resources of a cluster as API requests (plain data), built from the validated cluster file."""

from typing import Any

Resource = dict[str, Any]


class FilterModule:
    """Filters for playbooks."""

    def filters(self) -> dict[str, Any]:
        """Map the names of the filters to functions, as Ansible requires."""
        return {"gcp_resources": resources, "gcp_plan": plan, "gcp_removals": list_removals, "gcp_kept": list_kept}


def plan(cluster: dict[str, Any], api: str) -> dict[str, Any]:
    """Build what is true of the whole cluster: where it is, what its machines are, and the mark of its resources.

    Args:
        cluster: The settings from the inventory.
        api: URL of Google's APIs with the placeholder `{service}`.
    """
    gcp = cluster["gcp"]
    quotas = f"{api.format(service='cloudquotas')}/v1/projects/{gcp['project']}/locations/global/services"
    return {
        **{key: gcp[key] for key in ("project", "region", "machine_type", "gpus", "spot", "disk_gib")},
        "zones": gcp["candidate_zones"],
        "disk_type": gcp["boot_disk_type"],
        "compute": _compute(cluster, api),
        "quotas": f"{quotas}/compute.googleapis.com/quotaInfos",
        "marks": {**_labels(cluster), **_description(cluster)},
    }


def resources(cluster: dict[str, Any], api: str, caller: str, public_key: str) -> list[Resource]:
    """Build all resources of a cluster in order of creation; teardown deletes them in reverse order.

    Args:
        cluster: The settings from the inventory.
        api: URL of Google's APIs with the placeholder `{service}`.
        caller: CIDR range that may connect over SSH.
        public_key: SSH key that may log in.

    Returns:
        One dict per resource: `kind`, `name`, `url`, `create` (URL), `body`, `mark` (fields that show that it is the
        cluster's own), `holds_data`, `grant` for a role in its IAM policy, `variable` for fields that follow the plan
        later, too, and `extended` for lists that get the plan's values later, and keep others. In machines, `{zone}`
        stands for one of `zones`.
    """
    compute = _compute(cluster, api)
    return [
        *_network(cluster, compute, caller),
        _service_account(cluster, api),
        _bucket(cluster, api),
        _repository(cluster, api),
        *(_instance(cluster, compute, address, public_key) for address in (cluster["head_ip"], *cluster["worker_ips"])),
    ]


def list_removals(results: list[dict[str, Any]], leftovers: list[str]) -> list[str]:
    """List what a teardown would remove, each resource once.

    Args:
        results: Results of module cloud_resource, one per resource.
        leftovers: Names with zones or regions, from module cloud_leftovers.
    """
    located = {line.partition(" (")[0] for line in leftovers}
    described = (_describe_removal(result) for result in results if result["changed"])
    return [*leftovers, *(line for line in described if line not in located)]


def list_kept(results: list[dict[str, Any]]) -> list[str]:
    """List the resources with data that a teardown would keep.

    Args:
        results: Results of module cloud_resource, one per resource.
    """
    return [_name(result) for result in results if _is_kept(result) and result["found"]]


def _describe_removal(result: dict[str, Any]) -> str:
    """Describe a removal; of a bucket also how many objects and bytes."""
    name, content = _name(result), result["content"]
    if _is_kept(result):
        return f"access of the cluster's machines to {name}"
    if content is None:
        return name
    return f"{name} with {content['objects']} objects, {content['bytes']} bytes"


def _name(result: dict[str, Any]) -> str:
    return f"{result['item']['kind']}/{result['item']['name']}"


def _is_kept(result: dict[str, Any]) -> bool:
    return bool(result["invocation"]["module_args"]["state"] == "kept")


def _compute(cluster: dict[str, Any], api: str) -> str:
    return f"{api.format(service='compute')}/compute/v1/projects/{cluster['gcp']['project']}"


def _network(cluster: dict[str, Any], compute: str, caller: str) -> list[Resource]:
    name, gcp, mark = cluster["name"], cluster["gcp"], _description(cluster)
    network, tagged = f"projects/{gcp['project']}/global/networks/{name}", {"targetTags": [name]}
    region = f"{compute}/regions/{gcp['region']}"
    ingress = {"network": network, "direction": "INGRESS", **tagged}
    ssh = [{"IPProtocol": "tcp", "ports": ["22"]}]
    all_ports = [{"IPProtocol": protocol} for protocol in ("tcp", "udp", "icmp")]
    nat = {
        "name": name,
        "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    }
    subnet = {"network": network, "ipCidrRange": gcp["subnet"], "privateIpGoogleAccess": True}
    router = {"network": network, "nats": [nat]}  # workers have no external address
    firewalls = f"{compute}/global/firewalls"
    from_caller = {**ingress, "sourceRanges": [caller], "allowed": ssh}
    from_inside = {**ingress, "sourceRanges": [gcp["subnet"]], "allowed": all_ports}
    address = {"addressType": "EXTERNAL"}
    return [
        _compute_resource(f"{compute}/global/networks", name, {"autoCreateSubnetworks": False}, mark),
        _compute_resource(f"{region}/subnetworks", name, subnet, mark),
        _compute_resource(f"{region}/routers", name, router, mark),
        # `allow_from` is the range of all users; without it, the caller's address must not replace another user's.
        _compute_resource(firewalls, f"{name}-ssh", from_caller, mark)
        | {"variable" if gcp["allow_from"] else "extended": ["sourceRanges"]},
        _compute_resource(firewalls, f"{name}-inside", from_inside, mark),
        _compute_resource(f"{region}/addresses", f"{name}-head", address, _labels(cluster)),
    ]


def _compute_resource(collection: str, name: str, body: dict[str, Any], mark: dict[str, Any]) -> Resource:
    """Build a resource of Compute Engine, whose collections all use the same URL scheme."""
    kind = collection.rpartition("/")[2]
    return _resource(kind, name, f"{collection}/{name}", collection, {"name": name, **body, **mark}, mark)


def _labels(cluster: dict[str, Any]) -> dict[str, Any]:
    return {"labels": {"firelib-cluster": cluster["name"]}}


def _description(cluster: dict[str, Any]) -> dict[str, Any]:
    """The mark of resources without labels: networks, subnets, routers, firewall rules and service accounts."""
    return {"description": f"firelib-cluster={cluster['name']}"}


def _account(cluster: dict[str, Any]) -> str:
    return f"{cluster['name']}-node@{cluster['gcp']['project']}.iam.gserviceaccount.com"


def _service_account(cluster: dict[str, Any], api: str) -> Resource:
    accounts = f"{api.format(service='iam')}/v1/projects/{cluster['gcp']['project']}/serviceAccounts"
    name, mark = f"{cluster['name']}-node", _description(cluster)
    body = {"accountId": name, "serviceAccount": {"displayName": f"Nodes of cluster {cluster['name']}", **mark}}
    return _resource("serviceAccounts", name, f"{accounts}/{_account(cluster)}", accounts, body, mark)


def _bucket(cluster: dict[str, Any], api: str) -> Resource:
    project, region = cluster["gcp"]["project"], cluster["gcp"]["region"]
    buckets, mark = f"{api.format(service='storage')}/storage/v1/b", _labels(cluster)
    name = f"{project}-{cluster['name']}"
    access = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    body = {"name": name, "location": region, "iamConfiguration": access, **mark}
    bucket = _resource("buckets", name, f"{buckets}/{name}", f"{buckets}?project={project}", body, mark)
    policy = f"{buckets}/{name}/iam"
    grant = {
        "get": {"method": "GET", "url": policy},
        "set": {"method": "PUT", "url": policy},
        "version_key": "optionsRequestedPolicyVersion",
        "wrapped": False,
        "role": "roles/storage.objectAdmin",
    }
    return bucket | {"holds_data": True, "grant": grant | _member(cluster)}


def _repository(cluster: dict[str, Any], api: str) -> Resource:
    project, region, name = cluster["gcp"]["project"], cluster["gcp"]["region"], cluster["name"]
    parent, mark = f"projects/{project}/locations/{region}/repositories", _labels(cluster)
    repositories = f"{api.format(service='artifactregistry')}/v1/{parent}"
    url, create = f"{repositories}/{name}", f"{repositories}?repositoryId={name}"
    repository = _resource("repositories", name, url, create, {"format": "DOCKER", **mark}, mark)
    grant = {
        "get": {"method": "GET", "url": f"{url}:getIamPolicy"},
        "set": {"method": "POST", "url": f"{url}:setIamPolicy"},
        "version_key": "options.requestedPolicyVersion",
        "wrapped": True,
        "role": "roles/artifactregistry.reader",
    }
    return repository | {"holds_data": True, "grant": grant | _member(cluster)}


def _member(cluster: dict[str, Any]) -> dict[str, str]:
    return {"member": f"serviceAccount:{_account(cluster)}"}


def _resource(kind: str, name: str, url: str, create: str, body: dict[str, Any], mark: dict[str, Any]) -> Resource:
    return {"kind": kind, "name": name, "url": url, "create": create, "body": body, "mark": mark, "holds_data": False}


def _instance(cluster: dict[str, Any], compute: str, address: str, public_key: str) -> Resource:
    """Build a machine; `{zone}` stands for the zone, which depends on where there is capacity."""
    gcp, labels = cluster["gcp"], _labels(cluster)
    name = f"{cluster['name']}-{address.replace('.', '-')}"
    body = {
        "machineType": f"zones/{{zone}}/machineTypes/{gcp['machine_type']}",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": _disk(gcp) | labels}],
        "networkInterfaces": [_interface(cluster, address)],
        "metadata": {"items": [{"key": "ssh-keys", "value": f"{cluster['user']}:{public_key}"}]},
        "tags": {"items": [cluster["name"]]},
        "serviceAccounts": [{"email": _account(cluster), "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
        "scheduling": _scheduling(gcp),
        "shieldedInstanceConfig": {"enableVtpm": True, "enableIntegrityMonitoring": True},
        **_accelerators(gcp),
    }
    machine = _compute_resource(f"{compute}/zones/{{zone}}/instances", name, body, labels)
    more = {"zones": gcp["candidate_zones"], "machine_type": gcp["machine_type"], "account": _account(cluster)}
    return machine | more | {"compute": compute}


def _disk(gcp: dict[str, Any]) -> dict[str, Any]:
    kind = f"projects/{gcp['project']}/zones/{{zone}}/diskTypes/{gcp['boot_disk_type']}"
    return {"sourceImage": gcp["image"], "diskSizeGb": str(gcp["disk_gib"]), "diskType": kind}


def _interface(cluster: dict[str, Any], address: str) -> dict[str, Any]:
    """Build the network interface; only the head has an external address."""
    gcp, is_head = cluster["gcp"], address == cluster["head_ip"]
    subnet = f"projects/{gcp['project']}/regions/{gcp['region']}/subnetworks/{cluster['name']}"
    access = [{"type": "ONE_TO_ONE_NAT", "natIP": cluster["external_head_ip"]}] if is_head else []
    return {"subnetwork": subnet, "networkIP": address, "accessConfigs": access}


def _accelerators(gcp: dict[str, Any]) -> dict[str, Any]:
    if not gcp["gpus"]:
        return {}
    kind = f"projects/{gcp['project']}/zones/{{zone}}/acceleratorTypes/{gcp['gpus']['type']}"
    return {"guestAccelerators": [{"acceleratorType": kind, "acceleratorCount": gcp["gpus"]["count"]}]}


def _scheduling(gcp: dict[str, Any]) -> dict[str, Any]:
    """Scheduling options: machines with GPUs cannot migrate to another host, and Spot machines can be preempted."""
    if gcp["spot"]:
        return {
            "provisioningModel": "SPOT",
            "instanceTerminationAction": "STOP",
            "onHostMaintenance": "TERMINATE",
            "automaticRestart": False,
        }
    return {"onHostMaintenance": "TERMINATE" if gcp["has_gpus"] else "MIGRATE", "automaticRestart": True}
