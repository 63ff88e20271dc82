"""Cloud Quotas: limits for families of GPUs and machines."""

from tests.cluster.fake_gcp.requests import Json, RefusedError, Request
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if "cloudquotas" in cloud.refuse:
        raise RefusedError(403, "PERMISSION_DENIED", cloud.refuse["cloudquotas"])
    dimension = "gpu_family" if "GPUS" in request.path.rpartition("/")[2] else "vm_family"
    infos = [
        {"dimensions": {"region": "europe-west4", dimension: family}, "details": {"value": str(limit)}}
        for family, limit in cloud.family_limits.items()
    ]
    return {"dimensionsInfos": [{"details": {"value": "0"}}, *infos]}
