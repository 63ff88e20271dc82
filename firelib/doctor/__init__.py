"""`firelib doctor`: checks of this machine and project, each with a remedy.

Each module holds the checks of one subject. None imports Ray or TensorFlow, so that the command starts quickly: a check
that needs Ray runs it in a child process, under a timeout.
"""

import os
from pathlib import Path

import psutil

from firelib import machine
from firelib.doctor import packages, project_files, ray_checks, resources, tools
from firelib.doctor.finding import Finding
from firelib.doctor.report import show
from firelib.ray_setup.memory_budget import measure_budget
from firelib.ray_setup.session_folder import ray_temp_dir

__all__ = ["Finding", "diagnose", "show"]


def diagnose(project: Path) -> list[Finding]:
    """Run every check.

    Args:
        project: Folder that holds params.yaml and uv.lock.

    Returns:
        One finding per check; the checks of packages, clusters and ports give several.
    """
    params, params_finding = project_files.check_params(project)
    return [
        packages.check_python(project),
        *packages.check_packages(project),
        *packages.check_extras(),
        *ray_checks.check_clusters(os.environ),
        resources.check_memory(psutil.virtual_memory().available),
        resources.check_disk("disk: project", project),
        *([resources.check_storage(params.storage.root, project)] if params else []),
        resources.check_home(Path.home()),
        ray_checks.check_session_folder(str(Path(ray_temp_dir()).parent)),
        ray_checks.check_shared_memory(Path("/dev/shm")),  # noqa: S108  the mount point itself, not a temporary file
        ray_checks.check_memory_budget(measure_budget(), machine.usable_cores()),
        *(ray_checks.check_port(port, use) for port, use in ray_checks.PORTS.items()),
        ray_checks.check_training_ports(Path("/proc/sys/net/ipv4/ip_local_port_range")),
        ray_checks.check_token(os.environ, Path.home()),
        ray_checks.check_auth_mode(os.environ),
        tools.check_wandb(os.environ),
        tools.check_container_engine(),
        tools.check_gpu(),
        project_files.check_cluster_file(project / "cluster" / "cluster.yaml"),
        params_finding,
        project_files.check_module_names(project),
    ]
