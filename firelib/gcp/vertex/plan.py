"""What a project for jobs consists of, as API requests (plain data): services, resources, and rights on them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from firelib.gcp.vertex.settings import VertexSettings

Json = dict[str, Any]

#: Address of Google's APIs; tests put a stand-in here.
GOOGLE = "https://{service}.googleapis.com"
MARK = {"firelib-vertex": "jobs"}
_DESCRIPTION = "firelib-vertex=jobs"  # Google has no labels for service accounts
_SERVICES = (
    "serviceusage",
    "cloudresourcemanager",
    "iam",
    "storage",
    "artifactregistry",
    "aiplatform",
    "logging",
    "cloudquotas",
)
# Roles on the bucket, the images, the project and the secret. None lets a job change rights, or see other buckets.
_BUCKET_ROLE, _IMAGES_ROLE = "roles/storage.objectUser", "roles/artifactregistry.reader"
_LOG_ROLE, _SECRET_ROLE = "roles/logging.logWriter", "roles/secretmanager.secretAccessor"
_CALLER_ROLE = "roles/iam.serviceAccountUser"


def plan_project(settings: VertexSettings, api: str = GOOGLE) -> Json:
    """Build the plan of a project for jobs.

    Args:
        settings: The settings.
        api: Address of Google's APIs with the placeholder `{service}`.

    Returns:
        `settings`; `file` and `variables` for `firelib submit`; `project` (URL); `services` and `probes` (a URL for
        each service that shows whether it responds); `resources` in order of creation, as module cloud_resource takes
        them; `grants`, as `firelib.gcp.resources.iam_policy.grant` takes them; `caller_grant`, which lacks its member;
        and `secret` (URL), or None.
    """
    account = _service_account(settings, api)
    bucket, repository = _bucket(settings, api), _repository(settings, api)
    secret = _secret(settings, api) if settings.secret else None
    resources = [account, bucket, repository, *([secret] if secret else [])]
    return {
        "settings": asdict(settings),
        "file": settings.render(),
        "variables": settings.variables(),
        "account": settings.account,
        "registry_host": settings.registry_host,
        "api": api,
        "project": _project_url(settings, api),
        "services": [f"{name}.googleapis.com" for name in _service_names(settings)],
        "probes": [resource["url"] for resource in resources],
        "resources": resources,
        "grants": _grants(settings, api, bucket, repository, secret),
        "caller_grant": _grant(f"user of {settings.account}", _post_policy(account["url"]), _CALLER_ROLE, ""),
        "secret": secret["url"] if secret else None,
    }


def find_resource(plan: Mapping[str, Any], kind: str) -> Json:
    """Return the planned resource of a kind that occurs once, such as `buckets`.

    Args:
        plan: What `plan_project` returns.
        kind: Google's name of the collection.
    """
    return next(dict(resource) for resource in plan["resources"] if resource["kind"] == kind)


def _service_names(settings: VertexSettings) -> tuple[str, ...]:
    return (*_SERVICES, "secretmanager") if settings.secret else _SERVICES


def _project_url(settings: VertexSettings, api: str) -> str:
    return f"{api.format(service='cloudresourcemanager')}/v1/projects/{settings.project}"


def _service_account(settings: VertexSettings, api: str) -> Json:
    accounts = f"{api.format(service='iam')}/v1/projects/{settings.project}/serviceAccounts"
    name, mark = settings.account.partition("@")[0], {"description": _DESCRIPTION}
    body = {"accountId": name, "serviceAccount": {"displayName": "Jobs of firelib on Vertex AI", **mark}}
    return _resource("serviceAccounts", name, f"{accounts}/{settings.account}", accounts, body, mark)


def _bucket(settings: VertexSettings, api: str) -> Json:
    buckets, mark = f"{api.format(service='storage')}/storage/v1/b", {"labels": MARK}
    access = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    body = {"name": settings.bucket, "location": settings.region, "iamConfiguration": access, **mark}
    create = f"{buckets}?project={settings.project}"
    bucket = _resource("buckets", settings.bucket, f"{buckets}/{settings.bucket}", create, body, mark)
    return bucket | {"adopted": True, "keeps_objects": True}


def _repository(settings: VertexSettings, api: str) -> Json:
    parent, _, name = settings.repository.rpartition("/")
    repositories = f"{api.format(service='artifactregistry')}/v1/{parent}"
    mark, create = {"labels": MARK}, f"{repositories}?repositoryId={name}"
    return _resource("repositories", name, f"{repositories}/{name}", create, {"format": "DOCKER", **mark}, mark)


def _secret(settings: VertexSettings, api: str) -> Json:
    secrets = f"{api.format(service='secretmanager')}/v1/projects/{settings.project}/secrets"
    name, mark = settings.secret_id, {"labels": MARK}
    body = {"replication": {"automatic": {}}, **mark}
    return _resource("secrets", name, f"{secrets}/{name}", f"{secrets}?secretId={name}", body, mark)


def _resource(kind: str, name: str, url: str, create: str, body: Json, mark: Json) -> Json:
    return {"kind": kind, "name": name, "url": url, "create": create, "body": body, "mark": mark}


def _grants(settings: VertexSettings, api: str, bucket: Json, repository: Json, secret: Json | None) -> list[Json]:
    member = f"serviceAccount:{settings.account}"
    grants = [
        _grant(f"gs://{settings.bucket}", _bucket_policy(bucket["url"]), _BUCKET_ROLE, member),
        _grant(settings.registry, _get_policy(repository["url"]), _IMAGES_ROLE, member),
        _grant(f"project {settings.project}", _project_policy(_project_url(settings, api)), _LOG_ROLE, member),
    ]
    if secret:
        grants.append(_grant(f"secret {secret['name']}", _get_policy(secret["url"]), _SECRET_ROLE, member))
    return grants


def _grant(on: str, policy: Json, role: str, member: str) -> Json:
    return {"on": on, **policy, "role": role, "member": member}


def _bucket_policy(url: str) -> Json:
    """Cloud Storage sends and takes the bare policy."""
    get, put = {"method": "GET", "url": f"{url}/iam"}, {"method": "PUT", "url": f"{url}/iam"}
    return {"get": get, "set": put, "version_key": "optionsRequestedPolicyVersion", "wrapped": False}


def _get_policy(url: str) -> Json:
    """Artifact Registry and Secret Manager read a policy with GET."""
    get, post = {"method": "GET", "url": f"{url}:getIamPolicy"}, {"method": "POST", "url": f"{url}:setIamPolicy"}
    return {"get": get, "set": post, "version_key": "options.requestedPolicyVersion", "wrapped": True}


def _post_policy(url: str) -> Json:
    """IAM reads the policy of a service account with POST and a parameter."""
    policy = _get_policy(url)
    return policy | {"get": policy["get"] | {"method": "POST"}}


def _project_policy(url: str) -> Json:
    """Resource Manager reads a policy with POST and a body."""
    body = {"options": {"requestedPolicyVersion": 3}}
    get = {"method": "POST", "url": f"{url}:getIamPolicy", "body": body}
    return {"get": get, "set": {"method": "POST", "url": f"{url}:setIamPolicy"}, "version_key": None, "wrapped": True}
