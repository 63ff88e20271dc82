"""Cloud Quotas: limits for families of GPUs and machines, and those of custom training."""

from tests.cluster.fake_gcp.requests import Json, RefusedError, Request
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if "cloudquotas" in cloud.refuse:
        raise RefusedError(403, "PERMISSION_DENIED", cloud.refuse["cloudquotas"])
    if "/services/aiplatform.googleapis.com/" in request.path:
        return _list_training(cloud, request)
    dimension = "gpu_family" if "GPUS" in request.path.rpartition("/")[2] else "vm_family"
    infos = [
        {"dimensions": {"region": "europe-west4", dimension: family}, "details": {"value": str(limit)}}
        for family, limit in cloud.family_limits.items()
    ]
    return {"dimensionsInfos": [{"details": {"value": "0"}}, *infos]}


def _list_training(cloud: FakeCloud, request: Request) -> Json:
    """Pages of quotas; each has a limit of one region and a default for others."""
    quotas = [
        {
            "metric": f"aiplatform.googleapis.com/custom_model_training_{name}",
            "dimensionsInfos": [
                {"details": {"value": "0"}, "applicableLocations": ["us-east1"]},
                {"details": {"value": "1"}, "applicableLocations": ["us-east1", "europe-west4"]},
                {"dimensions": {"region": "europe-west4"}, "details": {"value": str(limit)}},
            ],
        }
        for name, limit in cloud.training_limits.items()
    ]
    page, following = cloud.page(quotas, request)
    return {"quotaInfos": page, **following} if page else following
