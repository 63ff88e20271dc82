"""How the workers of Ray Train become one TensorFlow cluster.

Ray's own `TensorflowConfig` does the same, but to import it is to import TensorFlow: in the driver and in the train
controller, which compute nothing, 7 CPU-seconds each. It also sets `TF_USE_LEGACY_KERAS=1`.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from ray.train._internal.utils import get_address_and_port  # what Ray's own backend asks
from ray.train.backend import Backend, BackendConfig


class TensorflowCluster(BackendConfig):  # type: ignore[misc]  # Ray's base class is untyped
    """Configuration of the backend."""

    @property
    def backend_cls(self) -> type[Backend]:
        return _TensorflowBackend


class _TensorflowBackend(Backend):  # type: ignore[misc]  # Ray's base class is untyped
    def on_start(self, worker_group: Any, backend_config: TensorflowCluster) -> None:  # noqa: ARG002  Ray's signature
        """Tell every worker the addresses of all, by rank, in `TF_CONFIG`."""
        addresses = [f"{_bracketed(host)}:{port}" for host, port in worker_group.execute(get_address_and_port)]
        for rank in range(len(worker_group)):
            worker_group.execute_single(rank, _set_cluster, addresses, rank)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host  # IPv6


def _set_cluster(addresses: Sequence[str], rank: int) -> None:
    cluster = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": rank}}
    os.environ["TF_CONFIG"] = json.dumps(cluster)
