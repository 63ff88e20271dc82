"""Vertex AI and Cloud Logging: a job runs as far as the rights of its service account go, and logs if it may."""

from tests.cluster.fake_gcp.projects import PROJECT
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request
from tests.cluster.fake_gcp.state import FakeCloud

_CALLER = "user:me@example.com"


def handle(cloud: FakeCloud, request: Request) -> Json:
    """Run a CustomJob at once, and return its end."""
    cloud.record(request)
    spec = request.body["jobSpec"]
    account = f"/iam/v1/projects/demo-lab/serviceAccounts/{spec['serviceAccount']}"
    if not cloud.has_role(account, "roles/iam.serviceAccountUser", _CALLER):
        raise RefusedError(403, "PERMISSION_DENIED", f"You do not have permission to act as {spec['serviceAccount']}")
    name = f"{request.path.removeprefix('/aiplatform/v1/')}/{len(cloud.logs) + 1}"
    member = f"serviceAccount:{spec['serviceAccount']}"
    error = _find_error(cloud, spec, member)
    writes = cloud.has_role(PROJECT, "roles/logging.logWriter", member)
    cloud.logs[name] = ["training starts"] if writes and not error else []
    state = {"state": "JOB_STATE_FAILED", "error": {"code": 7, "message": error}} if error else {}
    return {"name": name, "state": "JOB_STATE_SUCCEEDED", **state}


def _find_error(cloud: FakeCloud, spec: Json, member: str) -> str:
    image = spec["workerPoolSpecs"][0]["containerSpec"]["imageUri"]
    host, project, repository, _ = image.split("/")
    region = host.removesuffix("-docker.pkg.dev")
    images = f"/artifactregistry/v1/projects/{project}/locations/{region}/repositories/{repository}"
    if not cloud.has_role(images, "roles/artifactregistry.reader", member):
        return f"Failed to pull image {image}: denied"
    bucket = spec["baseOutputDirectory"]["outputUriPrefix"].removeprefix("gs://").partition("/")[0]
    if not cloud.has_role(f"/storage/storage/v1/b/{bucket}", "roles/storage.objectUser", member):
        return f"storage.objects.create denied on {bucket}"
    return ""


def read_log(cloud: FakeCloud, request: Request) -> Json:
    """The entries of a job, which the filter names."""
    lines = cloud.logs.get(request.body["filter"], [])
    return {"entries": [{"textPayload": line} for line in lines]} if lines else {}
