"""Connect the workers of Ray Train to one TensorFlow cluster.

Ray's own `TensorflowConfig` does the same, but it imports TensorFlow in the driver and in the train controller, which
compute nothing: 7 CPU-seconds each. It also sets `TF_USE_LEGACY_KERAS=1`.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from ray.train._internal.utils import get_address_and_port  # Ray's own backend uses it too
from ray.train.backend import Backend, BackendConfig


class TensorflowCluster(BackendConfig):  # type: ignore[misc]  # Ray's base class is untyped
    """Backend configuration that Ray Train's trainers take."""

    @property
    def backend_cls(self) -> type[Backend]:
        """Class of the backend."""
        return _TensorflowBackend


class _TensorflowBackend(Backend):  # type: ignore[misc]  # Ray's base class is untyped
    def on_start(self, worker_group: Any, backend_config: TensorflowCluster) -> None:  # noqa: ARG002  Ray's signature
        """Set `TF_CONFIG` on every worker: the addresses of all workers by rank, and its own rank."""
        addresses = [f"{_bracket_ipv6(host)}:{port}" for host, port in worker_group.execute(get_address_and_port)]
        for rank in range(len(worker_group)):
            worker_group.execute_single(rank, _set_tf_config, addresses, rank)


def _bracket_ipv6(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _set_tf_config(addresses: Sequence[str], rank: int) -> None:
    cluster = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": rank}}
    os.environ["TF_CONFIG"] = json.dumps(cluster)
