"""`firelib doctor --to NAME`: what a backend needs before the first job, checked in the environment where jobs run."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from firelib.doctor.finding import Finding
from firelib.errors import FirelibError, did_you_mean

#: Name → the function that checks. It is imported on use, since it may need the packages of an extra.
CHECKS: Mapping[str, str] = {
    "vertex": "firelib.launch.backends.vertex.prerequisites.check:check_vertex",
    "kubernetes": "firelib.launch.backends.kubeflow.prerequisites:check_kuberay",
    "kubeflow": "firelib.launch.backends.kubeflow.prerequisites:check_trainer",
}


def check_prerequisites(
    name: str, settings: Mapping[str, str], project: Path, environ: Mapping[str, str]
) -> list[Finding]:
    """Check everything that jobs need in one environment; nothing is changed there.

    Args:
        name: `vertex`, `kubernetes` (KubeRay) or `kubeflow` (Trainer).
        settings: Values of `--set`.
        project: The project's folder.
        environ: Environment variables.

    Returns:
        One finding per prerequisite.

    Raises:
        FirelibError: There is nothing to check for this name.
    """
    if name not in CHECKS:
        remedy = did_you_mean(name, CHECKS)
        raise FirelibError(f"there are no prerequisites to check for {name!r}", where="--to", remedy=remedy)
    module, _, function = CHECKS[name].partition(":")
    findings: list[Finding] = getattr(import_module(module), function)(settings, project, environ)
    return findings
