"""Checks of a project before anything is created or removed in it; all findings are reported in one error."""

from collections.abc import Iterator, Mapping
from typing import Any

from firelib.errors import FirelibError
from firelib.gcp.bucket_locations import covers
from firelib.gcp.resources.api import Api
from firelib.gcp.resources.bucket_content import measure
from firelib.gcp.resources.ownership import explain_foreign, is_ours
from firelib.gcp.resources.request_error import RequestError
from firelib.gcp.resources.resource import find
from firelib.gcp.vertex.caller import SET_UP, find_missing_permissions
from firelib.gcp.vertex.plan import find_resource
from firelib.gcp.vertex.quota import find_shortages
from firelib.gcp.vertex.settings import default_bucket

_UNAUTHENTICATED = 401
_REMEDY = (
    "nothing was changed. Project: gcloud projects list shows the ids. Permissions: ask an owner of the project to run "
    "this. Bucket: BUCKET=another name. Quota: MACHINE=another type, or ask for more at "
    "https://console.cloud.google.com/iam-admin/quotas"
)


def check_setup(api: Api, plan: Mapping[str, Any]) -> None:
    """Raise one error with all findings, unless the project can be prepared.

    Args:
        api: Google Cloud's APIs.
        plan: What `plan_project` returns.

    Raises:
        FirelibError: The project does not exist, the caller lacks permissions, a name is taken, the bucket is in
            another region, or the quota is too small for one machine.
    """
    findings = list(_find_project_problems(api, plan))
    if not findings:  # without a project, each request would fail in the same way
        findings = [
            *_find_missing_permissions(api, plan),
            *_find_taken_names(api, plan),
            *find_bucket_problems(api, plan),
            *find_shortages(api, plan),
        ]
    _refuse(plan, findings, _REMEDY)


def check_teardown(api: Api, plan: Mapping[str, Any]) -> None:
    """Raise an error if the project's own bucket holds objects: `make vertex-down` deletes no data.

    Args:
        api: Google Cloud's APIs.
        plan: What `plan_project` returns.

    Raises:
        FirelibError: The bucket is not empty, or the project does not exist.
    """
    findings = list(_find_project_problems(api, plan))
    bucket = find_resource(plan, "buckets")
    found = None if findings else api.get(bucket["url"])
    remedy = _REMEDY
    if found is not None and is_ours(bucket["mark"], found):
        content = measure(api, bucket["url"])
        if content.objects:
            findings.append(f"gs://{bucket['name']} holds {content.objects} objects, {content.bytes} bytes")
            remedy = f"nothing was changed. To delete them first: gcloud storage rm --all-versions 'gs://{bucket['name']}/**'"
    _refuse(plan, findings, remedy)


def find_bucket_problems(api: Api, plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a bucket that exists does not suit: reading across regions is slow and billed.

    Args:
        api: Google Cloud's APIs.
        plan: What `plan_project` returns.
    """
    bucket, region = find_resource(plan, "buckets"), plan["settings"]["region"]
    try:
        found = find(api, bucket["url"])
    except RequestError as error:
        yield f"BUCKET: gs://{bucket['name']} is not readable ({error.message}); names of buckets are global"
        return
    if found and not _is_of_project(api, plan, found):
        yield f"BUCKET: gs://{bucket['name']} belongs to another project: give BUCKET=another name"
    location = str((found or {}).get("location", region)).lower()
    pair = (found or {}).get("customPlacementConfig", {}).get("dataLocations", ())
    if not covers(location, region, pair):
        yield f"BUCKET: gs://{bucket['name']} is in {location}, expected {region}, the region of the jobs"


def _is_of_project(api: Api, plan: Mapping[str, Any], bucket: Mapping[str, Any]) -> bool:
    """Whether a bucket with our default name is the project's: anybody can guess that name, and take it first.

    A bucket that the user names may belong to another project.
    """
    settings = plan["settings"]
    if settings["bucket"] != default_bucket(settings["project"]):
        return True
    try:
        own = (find(api, plan["project"]) or {}).get("projectNumber")
    except RequestError:  # the checks of the project name it
        return True
    return not own or str(bucket.get("projectNumber", own)) == str(own)


def _find_project_problems(api: Api, plan: Mapping[str, Any]) -> Iterator[str]:
    name = plan["settings"]["project"]
    try:
        project = find(api, plan["project"])
    except RequestError as error:
        if error.status == _UNAUTHENTICATED or error.is_transient:
            raise
        yield f"PROJECT: {name} does not exist, or your account has no access to it ({error.message})"
        return
    if project is None:
        return  # Resource Manager is not enabled: the next requests tell
    if project.get("lifecycleState", "ACTIVE") != "ACTIVE":
        yield f"PROJECT: {name} is being deleted ({project['lifecycleState']})"


def _find_missing_permissions(api: Api, plan: Mapping[str, Any]) -> Iterator[str]:
    wanted = (*SET_UP, "secretmanager.secrets.create") if plan["secret"] else SET_UP
    try:
        missing = find_missing_permissions(api, plan["project"], wanted)
    except RequestError as error:
        if not error.is_service_disabled:
            raise
        return
    if missing:
        yield f"your account lacks {', '.join(missing)}"


def _find_taken_names(api: Api, plan: Mapping[str, Any]) -> Iterator[str]:
    for resource in plan["resources"]:
        if resource["kind"] == "buckets":
            continue  # a bucket of yours is used as it is, see find_bucket_problems
        found = find(api, resource["url"])
        if found and not is_ours(resource["mark"], found):
            yield explain_foreign(resource["kind"], resource["name"], resource["mark"])


def _refuse(plan: Mapping[str, Any], findings: list[str], remedy: str) -> None:
    if findings:
        settings = plan["settings"]
        where = f"project {settings['project']}, region {settings['region']}"
        raise FirelibError("\n".join(findings), where=where, remedy=remedy)
