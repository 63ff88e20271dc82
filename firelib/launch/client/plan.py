"""Plans of a job on one backend or on all of them."""

import os
from collections.abc import Mapping
from pathlib import Path

from firelib.launch.backend import Backend
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
    return [backend.plan(request, project, environ) for backend in _load(to)]


def _load(to: str) -> list[Backend]:
    if to != "all":
        return [load_backend(to)]
    return [*map(load_backend, BUILT_IN), *load_plugins()]
