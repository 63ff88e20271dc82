"""What a cluster is on Google Cloud: requests as plain data, made from the checked file; nothing is sent here."""

from typing import Any

Resource = dict[str, Any]


class FilterModule:
    """Filters for playbooks."""

    def filters(self) -> dict[str, Any]:
        return {"gcp_resources": resources, "gcp_names": names}


def resources(cluster: dict[str, Any], api: str, caller: str, public_key: str) -> list[Resource]:
    """Everything that provision makes, in order; teardown goes backwards.

    Args:
        cluster: The settings that the inventory gives.
        api: URL with `{service}` in it.
        caller: Range that may reach SSH.
        public_key: Who may log in.
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
    """Names of all items in some answers of Compute Engine, which leaves `items` out where there are none."""
    return [item["name"] for answer in answers for item in answer.get("items", [])]


def _network(cluster: dict[str, Any], compute: str, caller: str) -> list[Resource]:
    name, gcp = cluster["name"], cluster["gcp"]
    network, tagged = f"projects/{gcp['project']}/global/networks/{name}", {"targetTags": [name]}
    region = f"{compute}/regions/{gcp['region']}"
    inside = {"network": network, "direction": "INGRESS", **tagged}
    ssh = [{"IPProtocol": "tcp", "ports": ["22"]}]
    all_ports = [{"IPProtocol": protocol} for protocol in ("tcp", "udp", "icmp")]
    nat = {
        "name": name,
        "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    }
    subnet = {"network": network, "ipCidrRange": gcp["subnet"], "privateIpGoogleAccess": True}
    return [
        _made(f"{compute}/global/networks", name, {"autoCreateSubnetworks": False}),
        _made(f"{region}/subnetworks", name, subnet),
        _made(f"{region}/routers", name, {"network": network, "nats": [nat]}),  # workers have no address outside
        _made(f"{compute}/global/firewalls", f"{name}-ssh", {**inside, "sourceRanges": [caller], "allowed": ssh}),
        _made(
            f"{compute}/global/firewalls",
            f"{name}-inside",
            {**inside, "sourceRanges": [gcp["subnet"]], "allowed": all_ports},
        ),
        _made(f"{region}/addresses", f"{name}-head", {"addressType": "EXTERNAL", "labels": _labels(cluster)}),
    ]


def _made(collection: str, name: str, body: dict[str, Any]) -> Resource:
    """A resource of Compute Engine, whose collections all work alike."""
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
    return _other("serviceAccounts", name, f"{accounts}/{_account(cluster)}", accounts, body)


def _bucket(cluster: dict[str, Any], api: str) -> Resource:
    project, region = cluster["gcp"]["project"], cluster["gcp"]["region"]
    buckets = f"{api.format(service='storage')}/storage/v1/b"
    name = f"{project}-{cluster['name']}"
    access = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    body = {"name": name, "location": region, "labels": _labels(cluster), "iamConfiguration": access}
    bucket = _other("buckets", name, f"{buckets}/{name}", f"{buckets}?project={project}", body, holds_data=True)
    return bucket | {"grant": _grant(cluster, f"{buckets}/{name}/iam", "roles/storage.objectAdmin", "PUT")}


def _repository(cluster: dict[str, Any], api: str) -> Resource:
    project, region, name = cluster["gcp"]["project"], cluster["gcp"]["region"], cluster["name"]
    parent = f"projects/{project}/locations/{region}/repositories"
    repositories = f"{api.format(service='artifactregistry')}/v1/{parent}"
    body = {"format": "DOCKER", "labels": _labels(cluster)}
    create = f"{repositories}?repositoryId={name}"
    repository = _other("repositories", name, f"{repositories}/{name}", create, body, holds_data=True)
    grant = _grant(cluster, f"{repositories}/{name}:setIamPolicy", "roles/artifactregistry.reader", "POST")
    return repository | {"grant": grant | {"body": {"policy": grant["body"]}}}


def _grant(cluster: dict[str, Any], url: str, role: str, method: str) -> Resource:
    """The one right that the nodes have on this resource; sent right after it was made, when nobody else has any."""
    member = f"serviceAccount:{_account(cluster)}"
    return {"url": url, "method": method, "body": {"bindings": [{"role": role, "members": [member]}]}}


def _other(kind: str, name: str, url: str, create: str, body: dict[str, Any], holds_data: bool = False) -> Resource:
    return {"kind": kind, "name": name, "url": url, "create": create, "body": body, "holds_data": holds_data}


def _instance(cluster: dict[str, Any], compute: str, address: str, public_key: str) -> Resource:
    gcp, is_head = cluster["gcp"], address == cluster["head_ip"]
    name = f"{cluster['name']}-{address.replace('.', '-')}"
    zone = f"projects/{gcp['project']}/zones/{gcp['zone']}"
    region = f"projects/{gcp['project']}/regions/{gcp['region']}"
    outside = [{"type": "ONE_TO_ONE_NAT", "natIP": cluster["external_head_ip"]}] if is_head else []
    card = {"subnetwork": f"{region}/subnetworks/{cluster['name']}", "networkIP": address, "accessConfigs": outside}
    disk = {"sourceImage": gcp["image"], "diskSizeGb": str(gcp["disk_gib"]), "labels": _labels(cluster)}
    body = {
        "machineType": f"zones/{gcp['zone']}/machineTypes/{gcp['machine_type']}",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": disk}],
        "networkInterfaces": [card],
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
    return _made(f"{compute}/zones/{gcp['zone']}/instances", name, body)


def _scheduling(gcp: dict[str, Any]) -> dict[str, Any]:
    """Machines with GPUs cannot move to another host, Spot ones are taken back."""
    if gcp["spot"]:
        return {
            "provisioningModel": "SPOT",
            "instanceTerminationAction": "STOP",
            "onHostMaintenance": "TERMINATE",
            "automaticRestart": False,
        }
    return {"onHostMaintenance": "TERMINATE" if gcp["has_gpus"] else "MIGRATE", "automaticRestart": True}
