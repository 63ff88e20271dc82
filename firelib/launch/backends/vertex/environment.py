"""The variables that Vertex AI's custom training sets on each replica; the docker backend sets exactly the same."""

import json
from collections.abc import Mapping, Sequence

_PORT = 2222


def vertex_variables(job_id: str, hosts: Sequence[str], index: int, output: str) -> Mapping[str, str]:
    """What one replica finds in its environment.

    Args:
        job_id: Number or name of the job.
        hosts: Host names of all replicas: the primary's, then the workers'.
        index: Of this replica.
        output: The job's base output directory.
    """
    addresses = [f"{host}:{_PORT}" for host in hosts]
    pools = {"workerpool0": addresses[:1], **({"workerpool1": addresses[1:]} if addresses[1:] else {})}
    roles = {"chief": addresses[:1], **({"worker": addresses[1:]} if addresses[1:] else {})}
    own = max(0, index - 1)
    spec = {
        "cluster": pools,
        "environment": "cloud",
        "task": {"type": "workerpool1" if index else "workerpool0", "index": own, "trial": ""},
        "job": json.dumps({"job_id": job_id}),
    }
    tensorflow = {
        "cluster": roles,
        "environment": "cloud",
        "task": {"type": "worker" if index else "chief", "index": own, "trial": ""},
    }
    return {
        "CLUSTER_SPEC": json.dumps(spec),
        "TF_CONFIG": json.dumps(tensorflow),
        "CLOUD_ML_JOB_ID": job_id,
        "AIP_MODEL_DIR": f"{output}/model/",
        "AIP_CHECKPOINT_DIR": f"{output}/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": f"{output}/logs/",
    }
