"""The variables that Vertex AI's custom training sets on each replica. Backend `docker` sets the same ones.

https://cloud.google.com/vertex-ai/docs/training/distributed-training#cluster-variables
"""

import json
from collections.abc import Mapping, Sequence

_PORT, _OPEN_PORT = 2222, 3333


def vertex_variables(job_id: str, hosts: Sequence[str], index: int, output: str) -> Mapping[str, str]:
    """Return the variables of one replica.

    Args:
        job_id: Number or name of the job.
        hosts: Host names of all replicas, in order; the first is the primary.
        index: Index of this replica.
        output: The job's base output directory.

    Returns:
        CLUSTER_SPEC, TF_CONFIG, CLOUD_ML_JOB_ID and the AIP_* folders.
    """
    addresses = [f"{host}:{_PORT}" for host in hosts]
    pools = {"workerpool0": addresses[:1], **({"workerpool1": addresses[1:]} if addresses[1:] else {})}
    roles = {"chief": addresses[:1], **({"worker": addresses[1:]} if addresses[1:] else {})}
    index_in_pool = max(0, index - 1)
    cluster_spec = {
        "cluster": pools,
        "environment": "cloud",
        "task": {"type": "workerpool1" if index else "workerpool0", "index": index_in_pool},
        "job": json.dumps({"python_module": "", "package_uris": [], "job_args": []}),
        "open_ports": [_OPEN_PORT],
    }
    tf_config = {
        "cluster": roles,
        "environment": "cloud",
        "task": {"type": "worker" if index else "chief", "index": index_in_pool, "trial": ""},
    }
    return {
        "CLUSTER_SPEC": json.dumps(cluster_spec),
        "TF_CONFIG": json.dumps(tf_config),
        "CLOUD_ML_JOB_ID": job_id,
        "AIP_MODEL_DIR": f"{output}/model/",
        "AIP_CHECKPOINT_DIR": f"{output}/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": f"{output}/logs/",
    }
