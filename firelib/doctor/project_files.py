"""Checks of the project's own files: params.yaml and cluster.yaml."""

from pathlib import Path

from firelib.config import Params, load_params
from firelib.doctor.finding import Finding
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import read_cluster_file
from firelib.recipe import refuse_hidden_modules


def check_params(project: Path) -> tuple[Params | None, Finding]:
    """Validate params.yaml.

    Returns:
        The parameters, or None if they are invalid; and a finding that names every error.
    """
    try:
        params = load_params(project / "params.yaml")
    except FirelibError as error:
        return None, Finding.from_error("params.yaml", error, "see docs/parameters.md")
    return params, Finding("params.yaml", "ok", f"valid; recipe {params.recipe}")


def check_module_names(project: Path) -> Finding:
    """Look for files of the project that hide modules of Python; `firelib run` and jobs refuse them."""
    try:
        refuse_hidden_modules(project)
    except FirelibError as error:
        return Finding.from_error("names of files", error, "rename them")
    return Finding("names of files", "ok", "none hides a module of Python")


def check_cluster_file(path: Path) -> Finding:
    """Validate the cluster file of `ray up` and Ansible; the finding names every error."""
    if not path.is_file():
        return Finding(path.name, "ok", "none (only a cluster of your own needs one)")
    try:
        file = read_cluster_file(path)
    except FirelibError as error:
        return Finding.from_error(path.name, error, "see docs/cluster.md")
    return Finding(path.name, "ok", f"valid; a head and {len(file.provider.worker_ips)} workers")
