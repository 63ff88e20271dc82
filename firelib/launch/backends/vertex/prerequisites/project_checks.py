"""Checks of a Google Cloud project: each reads one prerequisite of a job."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from firelib.doctor.finding import Finding
from firelib.gcp.resources.api import Api
from firelib.gcp.resources.iam_policy import has_role
from firelib.gcp.resources.request_error import RequestError
from firelib.gcp.resources.resource import find
from firelib.gcp.vertex.caller import SUBMIT, find_missing_permissions
from firelib.gcp.vertex.plan import find_resource
from firelib.gcp.vertex.preflight import find_bucket_problems
from firelib.gcp.vertex.quota import find_shortages
from firelib.gcp.vertex.services import find_disabled

MAKE = "make vertex PROJECT=… REGION=… (DRY_RUN=1 shows what it would do)"
LOG_IN = "gcloud auth login --update-adc"
_UNAUTHENTICATED = 401

ProjectCheck = Callable[[Api, Mapping[str, Any]], Iterator[Finding]]


def _check_project(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    name = plan["settings"]["project"]
    try:
        found = find(api, plan["project"])
    except RequestError as error:
        remedy = LOG_IN if error.status == _UNAUTHENTICATED else "gcloud projects list shows the ids; " + MAKE
        yield Finding("project", "error", f"{name}: {error.message}", remedy)
        return
    state = (found or {}).get("lifecycleState", "not known: Resource Manager is not enabled")
    ok = state == "ACTIVE"
    yield Finding("project", "ok" if ok else "error", f"{name}: {state}", None if ok else MAKE)


def _check_services(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    if disabled := find_disabled(api, plan):
        remedy = f"{MAKE}, or gcloud services enable {' '.join(disabled)}"
        yield Finding("services", "error", f"not enabled: {', '.join(disabled)}", remedy)
    else:
        yield Finding("services", "ok", f"all {len(plan['services'])} are enabled")


def _check_bucket(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    bucket = find_resource(plan, "buckets")
    name = f"gs://{bucket['name']}"
    if problems := list(find_bucket_problems(api, plan)):
        yield Finding("bucket", "error", "; ".join(problems), "BUCKET=another name, or another region: " + MAKE)
    elif find(api, bucket["url"]) is None:
        yield Finding("bucket", "error", f"{name} does not exist", MAKE)
    else:
        yield Finding("bucket", "ok", f"{name}, in the region of the jobs or around it")


def _check_registry(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    yield _exists("registry", plan["variables"]["REGISTRY"], find(api, find_resource(plan, "repositories")["url"]))


def _check_account(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    account = find(api, find_resource(plan, "serviceAccounts")["url"])
    if account and account.get("disabled"):
        yield Finding("service account", "error", f"{plan['account']} is disabled", "enable it in the console")
    else:
        yield _exists("service account", plan["account"], account)


def _exists(check: str, name: str, found: Mapping[str, Any] | None) -> Finding:
    return Finding(check, "ok", name) if found is not None else Finding(check, "error", f"no {name}", MAKE)


def _check_rights(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    """What a job may do: without logWriter it has no log, without the others it fails after minutes."""
    missing = [f"{grant['role']} on {grant['on']}" for grant in plan["grants"] if not has_role(api, grant)]
    if missing:
        yield Finding("rights of jobs", "error", f"{plan['account']} lacks {'; '.join(missing)}", MAKE)
    else:
        yield Finding("rights of jobs", "ok", ", ".join(grant["role"] for grant in plan["grants"]))


def _check_caller(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    missing = find_missing_permissions(api, plan["project"], SUBMIT)
    url = find_resource(plan, "serviceAccounts")["url"]
    if find(api, url) is not None:
        missing += find_missing_permissions(api, url, ("iam.serviceAccounts.actAs",))
    if missing:
        remedy = "ask for roles/aiplatform.user and roles/logging.viewer; for actAs: make vertex CALLER=user:YOU"
        yield Finding("your rights", "error", f"missing: {', '.join(missing)}", remedy)
    else:
        yield Finding("your rights", "ok", "jobs can be sent, and their logs read")


def _check_quota(api: Api, plan: Mapping[str, Any]) -> Iterator[Finding]:
    remedy = "ask for more at https://console.cloud.google.com/iam-admin/quotas, or MACHINE=another type"
    if shortages := list(find_shortages(api, plan)):
        yield Finding("quota", "error", "; ".join(shortages), remedy)
    elif api.notes:
        yield Finding("quota", "warning", "; ".join(api.notes), "look it up in the console before a large job")
    else:
        yield Finding("quota", "ok", f"enough for one {plan['settings']['machine']}")


#: Name of the finding → check. Each gets an `Api` of its own, whose notes are about that check.
PROJECT_CHECKS: Mapping[str, ProjectCheck] = {
    "project": _check_project,
    "services": _check_services,
    "bucket": _check_bucket,
    "registry": _check_registry,
    "service account": _check_account,
    "rights of jobs": _check_rights,
    "your rights": _check_caller,
    "quota": _check_quota,
}
