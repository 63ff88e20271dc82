"""Start the workers' processes, and their imports, while Ray Train's controller is still starting.

Ray Train creates its workers last, so TensorFlow's import would begin when everything else is ready. Ray can prestart
processes for a runtime environment; an actor with the same environment then takes one of them. If none fits, Ray
starts a new process, as it would without this module. Only the start-up time depends on it.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray._private.ray_constants import WORKER_PROCESS_SETUP_HOOK_ENV_VAR  # the public option is for jobs, not actors

from firelib.ray_setup.token import ray_token
from firelib.train.driver.resources import WorkerResources
from firelib.train.worker.devices import build_worker_environment

_KEEP_SECONDS = 120
_TIMEOUT_SECONDS = 5.0
_IMPORT_HOOK = "firelib.train.worker.entry.start_imports"
#: Settings of Ray Train: no preemption watcher (see `ray_trainer`), and half a second instead of two until the
#: controller notices that the workers have finished.
RAY_TRAIN = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0", "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5"}
# Variables of the train controller's runtime environment, which its actors inherit.
_INHERITED = {"RAY_WARN_BLOCKING_GET_INSIDE_ASYNC": "0", **RAY_TRAIN}

logger = logging.getLogger(__name__)


def build_runtime_environment(resources: WorkerResources) -> dict[str, str]:
    """Build the environment variables of the workers' runtime environment.

    CPU workers import TensorFlow before they get their actor. GPU workers cannot: Ray sets `CUDA_VISIBLE_DEVICES` when
    it creates the actor.
    """
    environment = build_worker_environment(resources.cpus, bool(resources.gpus))
    return environment if resources.gpus else add_import_hook(environment)


def add_import_hook(environment: Mapping[str, str]) -> dict[str, str]:
    """Add the variable that makes a worker's process import what training needs before it gets its actor."""
    return {**environment, WORKER_PROCESS_SETUP_HOOK_ENV_VAR: _IMPORT_HOOK}


def prestart_workers(environment: Mapping[str, str], workers: int) -> None:
    """Prestart processes for workers if the Ray cluster is one node. On several nodes, Ray chooses where workers run.

    Args:
        environment: Variables of the workers' runtime environment.
        workers: Number of processes.
    """
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) != 1:
        return
    try:
        _request_prestart(nodes[0], {**_INHERITED, **environment}, workers)
    except Exception as error:  # noqa: BLE001  a private interface of Ray; only start-up time depends on it
        logger.debug("workers were not prestarted: %s", error)


def _request_prestart(node: Mapping[str, Any], environment: Mapping[str, str], workers: int) -> None:
    """Call the node's raylet. Ray offers this call in C++ and as a gRPC service, not in Python."""
    import grpc  # type: ignore[import-untyped]  # no type information
    from ray.core.generated.node_manager_pb2 import PrestartWorkersRequest
    from ray.core.generated.node_manager_pb2_grpc import NodeManagerServiceStub

    request = PrestartWorkersRequest(num_workers=workers, keep_alive_duration_secs=_KEEP_SECONDS)
    # Ray matches processes by a hash of this text. It must equal what the C++ code writes when it merges the
    # controller's environment into an actor's.
    text = json.dumps({"env_vars": dict(environment)}, sort_keys=True, separators=(",", ":"))
    request.runtime_env_info.serialized_runtime_env = text
    token = ray_token(os.environ, Path.home())
    headers = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}") as channel:
        NodeManagerServiceStub(channel).PrestartWorkers(request, metadata=headers, timeout=_TIMEOUT_SECONDS)
