"""Tell the autoscaler of a running Ray about hosts that were added to the cluster file.

Ray's autoscaler re-reads its configuration, but the addresses of workers only when it starts. After that, it takes them
from its state file, to which `ray up --no-restart` does not write on the head. So a host that is added while jobs run
would never be started (Ray 2.60, `autoscaler/_private/local/node_provider.py`).
"""

import json
import shlex

from firelib.cluster.ssh import run_on_host
from firelib.console import note
from firelib.ray_setup.cluster_file import ClusterFile

# Ray's own code, under its own lock: adds new hosts, removes others, and leaves the state of the rest.
_UPDATE = (
    "import json, sys; from ray.autoscaler._private.local.node_provider import LocalNodeProvider; "
    "LocalNodeProvider(json.loads(sys.argv[1]), sys.argv[2])"
)


def update_workers(file: ClusterFile) -> None:
    """Write the addresses of a cluster file into the state of the autoscaler on the head.

    Args:
        file: The cluster file.

    Raises:
        HostUnreachableError: The login to the head failed.
    """
    provider = file.provider
    addresses = {"type": "local", "head_ip": provider.head_ip, "worker_ips": [*provider.worker_ips]}
    if provider.external_head_ip:
        addresses["external_head_ip"] = provider.external_head_ip
    argv = [f"{file.hosts.folder}/venv/bin/python", "-c", _UPDATE, json.dumps(addresses), file.cluster_name]
    # A login shell, as Ray uses: it knows RAY_TMPDIR, where the state is.
    done = run_on_host(file, provider.head_ip, shlex.join(["bash", "--login", "-c", shlex.join(argv)]))
    if done.returncode:
        said = done.stderr.strip().splitlines()
        note(f"new hosts could not be entered into the autoscaler's state on the head: {said[-1] if said else ''}")
