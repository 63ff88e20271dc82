"""Start the workers' processes, and their imports, while Ray Train's controller is still starting.

Ray Train creates its workers last, so TensorFlow's import would begin when everything else has ended. Ray can start
processes for a runtime environment ahead; an actor with the same environment takes one of them. If none fits, Ray
starts a new one, as without this module: nothing but time depends on it.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray._private.ray_constants import WORKER_PROCESS_SETUP_HOOK_ENV_VAR  # Ray lets only jobs, not actors, name a hook

from firelib.ray_setup.token import ray_token

_KEEP_SECONDS = 120
_TIMEOUT_SECONDS = 5.0
#: Ray Train's settings: no watcher of preemptions (see `ray_trainer`), and half a second, not two, until the controller
#: sees that the workers are done.
RAY_TRAIN = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0", "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5"}
# The train controller has these in its runtime environment, and its actors inherit them.
_INHERITED = {"RAY_WARN_BLOCKING_GET_INSIDE_ASYNC": "0", **RAY_TRAIN}

logger = logging.getLogger(__name__)


def warm(environment: Mapping[str, str]) -> dict[str, str]:
    """A worker's variables, with one more: its process imports what training needs before it takes its actor."""
    return {**environment, WORKER_PROCESS_SETUP_HOOK_ENV_VAR: "firelib.train.worker.entry.import_ahead"}


def prestart_workers(environment: Mapping[str, str], workers: int) -> None:
    """Start processes for workers, if this Ray is one machine: on several, Ray decides where they go.

    Args:
        environment: Variables of the workers' runtime environment.
        workers: How many.
    """
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) != 1:
        return
    try:
        _ask(nodes[0], {**_INHERITED, **environment}, workers)
    except Exception as error:  # noqa: BLE001  an interface of Ray's own, of which only time is expected
        logger.debug("workers were not started ahead: %s", error)


def _ask(node: Mapping[str, Any], environment: Mapping[str, str], workers: int) -> None:
    """One call to the node's raylet; Ray has it in C++ and as a service, not in Python."""
    import grpc  # type: ignore[import-untyped]  # no type information
    from ray.core.generated.node_manager_pb2 import PrestartWorkersRequest
    from ray.core.generated.node_manager_pb2_grpc import NodeManagerServiceStub

    request = PrestartWorkersRequest(num_workers=workers, keep_alive_duration_secs=_KEEP_SECONDS)
    # Processes are told apart by a hash of this text: it must be what C++ writes when it merges the controller's
    # environment into that of an actor.
    text = json.dumps({"env_vars": dict(environment)}, sort_keys=True, separators=(",", ":"))
    request.runtime_env_info.serialized_runtime_env = text
    token = ray_token(os.environ, Path.home())
    headers = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}") as channel:
        NodeManagerServiceStub(channel).PrestartWorkers(request, metadata=headers, timeout=_TIMEOUT_SECONDS)
