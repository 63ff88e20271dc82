"""The Google Cloud resources of a cluster as API requests (plain data), built from the validated cluster file."""

from typing import Any

Resource = dict[str, Any]


class FilterModule:
    """Filters for playbooks."""

    def filters(self) -> dict[str, Any]:
        """Map the names of the filters to functions, as Ansible requires."""
        return {"gcp_resources": resources, "gcp_names": names}


def resources(cluster: dict[str, Any], api: str, caller: str, public_key: str) -> list[Resource]:
    """Build all resources of a cluster in order of creation; teardown deletes them in reverse order.

    Args:
        cluster: The settings from the inventory.
        api: URL of Google's APIs with the placeholder `{service}`.
        caller: CIDR range that may connect over SSH.
        public_key: SSH key that may log in.

    Returns:
        One dict per resource: `kind`, `name`, `url`, `create` (URL), `body`, `holds_data`, and `grant` for its IAM
        policy.
    """
    gcp = cluster["gcp"]
    compute = f"{api.format(service='compute')}/compute/v1/projects/{gcp['project']}"
    return [
        *_network(cluster, compute, caller),
        _service_account(cluster, api),
        _bucket(cluster, api),
        _repository(cluster, api),
        *(_instance(cluster, compute, address, public_key) for address in (cluster["head_ip"], *cluster["worker_ips"])),
    ]


def names(answers: list[dict[str, Any]]) -> list[str]:
    """List the names of all items in responses of Compute Engine, which omits `items` if there are none."""
    return [item["name"] for answer in answers for item in answer.get("items", [])]


def _network(cluster: dict[str, Any], compute: str, caller: str) -> list[Resource]:
    name, gcp = cluster["name"], cluster["gcp"]
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
    return [
        _compute_resource(f"{compute}/global/networks", name, {"autoCreateSubnetworks": False}),
        _compute_resource(f"{region}/subnetworks", name, subnet),
        _compute_resource(
            f"{region}/routers", name, {"network": network, "nats": [nat]}
        ),  # workers have no external address
        _compute_resource(
            f"{compute}/global/firewalls", f"{name}-ssh", {**ingress, "sourceRanges": [caller], "allowed": ssh}
        ),
        _compute_resource(
            f"{compute}/global/firewalls",
            f"{name}-inside",
            {**ingress, "sourceRanges": [gcp["subnet"]], "allowed": all_ports},
        ),
        _compute_resource(
            f"{region}/addresses", f"{name}-head", {"addressType": "EXTERNAL", "labels": _labels(cluster)}
        ),
    ]


def _compute_resource(collection: str, name: str, body: dict[str, Any]) -> Resource:
    """Build a resource of Compute Engine, whose collections all use the same URL scheme."""
    return {
        "kind": collection.rpartition("/")[2],
        "name": name,
        "url": f"{collection}/{name}",
        "create": collection,
        "body": {"name": name, **body},
        "holds_data": False,
    }


def _labels(cluster: dict[str, Any]) -> dict[str, str]:
    return {"firelib-cluster": cluster["name"]}


def _account(cluster: dict[str, Any]) -> str:
    return f"{cluster['name']}-node@{cluster['gcp']['project']}.iam.gserviceaccount.com"


def _service_account(cluster: dict[str, Any], api: str) -> Resource:
    accounts = f"{api.format(service='iam')}/v1/projects/{cluster['gcp']['project']}/serviceAccounts"
    name = f"{cluster['name']}-node"
    body = {"accountId": name, "serviceAccount": {"displayName": f"Nodes of cluster {cluster['name']}"}}
    return _resource("serviceAccounts", name, f"{accounts}/{_account(cluster)}", accounts, body)


def _bucket(cluster: dict[str, Any], api: str) -> Resource:
    project, region = cluster["gcp"]["project"], cluster["gcp"]["region"]
    buckets = f"{api.format(service='storage')}/storage/v1/b"
    name = f"{project}-{cluster['name']}"
    access = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    body = {"name": name, "location": region, "labels": _labels(cluster), "iamConfiguration": access}
    bucket = _resource("buckets", name, f"{buckets}/{name}", f"{buckets}?project={project}", body, holds_data=True)
    return bucket | {"grant": _grant(cluster, f"{buckets}/{name}/iam", "roles/storage.objectAdmin", "PUT")}


def _repository(cluster: dict[str, Any], api: str) -> Resource:
    project, region, name = cluster["gcp"]["project"], cluster["gcp"]["region"], cluster["name"]
    parent = f"projects/{project}/locations/{region}/repositories"
    repositories = f"{api.format(service='artifactregistry')}/v1/{parent}"
    body = {"format": "DOCKER", "labels": _labels(cluster)}
    create = f"{repositories}?repositoryId={name}"
    repository = _resource("repositories", name, f"{repositories}/{name}", create, body, holds_data=True)
    grant = _grant(cluster, f"{repositories}/{name}:setIamPolicy", "roles/artifactregistry.reader", "POST")
    return repository | {"grant": grant | {"body": {"policy": grant["body"]}}}


def _grant(cluster: dict[str, Any], url: str, role: str, method: str) -> Resource:
    """Build the IAM policy that grants the nodes one role; it is set right after creation, when there is no other."""
    member = f"serviceAccount:{_account(cluster)}"
    return {"url": url, "method": method, "body": {"bindings": [{"role": role, "members": [member]}]}}


def _resource(kind: str, name: str, url: str, create: str, body: dict[str, Any], holds_data: bool = False) -> Resource:
    return {"kind": kind, "name": name, "url": url, "create": create, "body": body, "holds_data": holds_data}


def _instance(cluster: dict[str, Any], compute: str, address: str, public_key: str) -> Resource:
    gcp, is_head = cluster["gcp"], address == cluster["head_ip"]
    name = f"{cluster['name']}-{address.replace('.', '-')}"
    zone = f"projects/{gcp['project']}/zones/{gcp['zone']}"
    region = f"projects/{gcp['project']}/regions/{gcp['region']}"
    access = [{"type": "ONE_TO_ONE_NAT", "natIP": cluster["external_head_ip"]}] if is_head else []
    interface = {"subnetwork": f"{region}/subnetworks/{cluster['name']}", "networkIP": address, "accessConfigs": access}
    disk = {"sourceImage": gcp["image"], "diskSizeGb": str(gcp["disk_gib"]), "labels": _labels(cluster)}
    body = {
        "machineType": f"zones/{gcp['zone']}/machineTypes/{gcp['machine_type']}",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": disk}],
        "networkInterfaces": [interface],
        "metadata": {"items": [{"key": "ssh-keys", "value": f"{cluster['user']}:{public_key}"}]},
        "labels": _labels(cluster),
        "tags": {"items": [cluster["name"]]},
        "serviceAccounts": [{"email": _account(cluster), "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
        "scheduling": _scheduling(gcp),
        "shieldedInstanceConfig": {"enableVtpm": True, "enableIntegrityMonitoring": True},
    }
    if gcp["gpus"]:
        kind = f"{zone}/acceleratorTypes/{gcp['gpus']['type']}"
        body["guestAccelerators"] = [{"acceleratorType": kind, "acceleratorCount": gcp["gpus"]["count"]}]
    return _compute_resource(f"{compute}/zones/{gcp['zone']}/instances", name, body)


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
