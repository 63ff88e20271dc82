"""Start embedded Ray without the processes that a run on one machine does not use.

`ray.init` has no switch for them, so they are left out by hand for the time of the call (Ray 2.60, pinned). Together
they take about 4 CPU-seconds of a start, and `ray.init` waits 2 to 3 seconds for the first of them:

- the API server, which starts even with `include_dashboard=False` and then serves nothing,
- the autoscaler's monitor: there is one node,
- the log monitor, which prints what workers say: only `--debug` asks for that,
- the agent's modules for the dashboard and metrics; its minimal form stays, since the raylet waits for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def lean_start(log_monitor: bool) -> Iterator[None]:
    """Leave those processes out of every Ray that starts inside the block.

    Args:
        log_monitor: Whether to start the one that prints what workers say.
    """
    from ray._private import node, services, utils

    with (
        patch.object(services, "start_api_server", _no_api_server),
        patch.object(utils, "get_dashboard_dependency_error", _not_installed),
        patch.object(node.Node, "start_monitor", _nothing),
        patch.object(node.Node, "start_log_monitor", node.Node.start_log_monitor if log_monitor else _nothing),
    ):
        yield


def _no_api_server(*_: Any, **__: Any) -> tuple[None, None]:
    """What Ray gives where the API server did not start: no address, no process."""
    return None, None


def _not_installed() -> ImportError:
    """As in `pip install ray` without `default`: the agent is told to be minimal."""
    return ImportError("left out by firelib")


def _nothing(_: Any) -> None:
    pass
