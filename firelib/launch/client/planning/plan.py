"""Plans of a job on one backend or on all of them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from firelib.console import note
from firelib.launch.backends.registry import BUILT_IN, load_backend, load_plugins
from firelib.launch.plan import Plan, PlanRequest


def make_plans(to: str, request: PlanRequest, project: Path, environ: Mapping[str, str] = os.environ) -> list[Plan]:
    """Make the plan of one backend, or of all.

    Args:
        to: A backend's name, or `all`.
        request: The requested machines.
        project: The project's folder, which may contain cluster/cluster.yaml.
        environ: Variables that show which credentials and addresses are set.

    Returns:
        One plan for each backend.

    Raises:
        FirelibError: The backend is unknown, or the machines are not available (the error names all reasons).
    """
    if to != "all":
        return [load_backend(to).plan(request, project, environ)]
    plans = [load_backend(name).plan(request, project, environ) for name in BUILT_IN]
    return [*plans, *_plan_plugins(request, project, environ)]


def _plan_plugins(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Iterator[Plan]:
    """Yield the plans of other packages' backends; one that fails must not hide the others."""
    for backend in load_plugins():
        try:
            yield backend.plan(request, project, environ)
        except Exception as error:  # noqa: BLE001  code of another package
            note(f"backend {backend.name} cannot plan: {error}")
