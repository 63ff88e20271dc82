"""The checks of `firelib doctor --to vertex`: of this machine at once, of the project all at the same time."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from firelib.doctor.concurrent_checks import run_checks
from firelib.doctor.finding import Finding
from firelib.errors import FirelibError
from firelib.extras import find_missing, install_command
from firelib.gcp.resources.api import Api, Pace
from firelib.gcp.vertex.docker_helper import config_file, has_helper, is_configured
from firelib.gcp.vertex.plan import GOOGLE, plan_project
from firelib.gcp.vertex.settings import VARIABLES, parse_settings, read_saved, with_own
from firelib.launch.backends.vertex.prerequisites.login import read_login
from firelib.launch.backends.vertex.prerequisites.project_checks import LOG_IN, MAKE, PROJECT_CHECKS

_SECONDS = 60.0
# Of one request: with the repetitions of a transient error, each check ends well before all of them have to.
_PACE = Pace(poll_seconds=1.0, deadline_seconds=25.0, visible_seconds=0.0, response_seconds=15.0)
_MODULES = ("google.cloud.aiplatform", "gcsfs")


def check_vertex(
    settings: Mapping[str, str],
    project: Path,
    environ: Mapping[str, str],
    api: str = GOOGLE,
    seconds: float = _SECONDS,
) -> list[Finding]:
    """Check packages, login, project, services, bucket, registry, service account, rights and quota.

    Args:
        settings: Values of `--set`: `project`, `region`, `service_account`.
        project: The project's folder, with the settings that `make vertex` has written.
        environ: Environment variables, which take precedence over these.
        api: Address of Google's APIs with the placeholder `{service}`.
        seconds: Time limit of all checks together.
    """
    names = (*VARIABLES, "FIRELIB_SERVICE_ACCOUNT", "REGISTRY")
    saved = {**read_saved(project), **{name: environ[name] for name in names if environ.get(name)}}
    words = {"PROJECT": settings.get("project"), "REGION": settings.get("region", "").partition(",")[0]}
    try:
        account = settings.get("service_account") or saved.get("FIRELIB_SERVICE_ACCOUNT")
        plan = plan_project(with_own(parse_settings(words, saved), account, saved.get("REGISTRY")), api)
    except FirelibError as error:
        return [_check_packages(), Finding.from_error("settings", error, MAKE)]
    local = [_check_packages(), Finding("settings", "ok", _describe(plan)), _check_docker(plan, environ)]
    try:
        login = read_login(environ)
    except FirelibError as error:
        return [*local, Finding.from_error("login", error, LOG_IN)]
    checks = {
        name: partial(check, Api(login.token, _PACE, login.quota_project), plan)
        for name, check in PROJECT_CHECKS.items()
    }
    return [*local, Finding("login", "ok", "an access token was found"), *run_checks(checks, seconds, MAKE)]


def _describe(plan: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in plan["settings"].items() if value)


def _check_packages() -> Finding:
    missing = find_missing(_MODULES)
    if missing:
        remedy = f"make vertex, or {install_command(['vertex', 'gcs'])}"
        return Finding("packages", "error", f"missing: {', '.join(missing)}", remedy)
    return Finding("packages", "ok", "extras vertex and gcs are installed")


def _check_docker(plan: Mapping[str, Any], environ: Mapping[str, str]) -> Finding:
    name, host = "Docker's login", plan["registry_host"]
    file = config_file(environ, Path.home())
    remedy = f"gcloud auth configure-docker {host}"
    try:
        if not is_configured(file, host):
            return Finding(name, "error", f"{file} has no credential helper for {host}: a push is refused", remedy)
    except FirelibError as error:
        return Finding.from_error(name, error, remedy)
    if not has_helper(environ.get("PATH", os.defpath)):
        return Finding(name, "warning", f"{file} names gcloud's helper, which is not on PATH", "install gcloud")
    return Finding(name, "ok", f"{host} in {file}")
