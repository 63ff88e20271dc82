"""Start Ray, embedded or a node of a job, without the processes that firelib does not need, and with more patience.

`ray.init` and `ray start` have no options for this, so this module patches Ray's internals for the duration of the
call. The patches fit Ray 2.60, the locked version. They save about 4 CPU-seconds per start, and 2 to 3 seconds in which
`ray.init` waits for the API server:

- API server: `include_dashboard=False` only disables its modules; the process still starts, for usage statistics
  (https://github.com/ray-project/ray/pull/26042). Patched: `ray/_private/services.py`, `start_api_server`.
- Autoscaler monitor: runs on every head node (https://github.com/ray-project/ray/issues/12629), but the number of nodes
  is fixed. Patched: `ray/_private/node.py`, `Node.start_monitor`.
- Log monitor: prints the workers' output, which only `--debug` shows. `ray start --include-log-monitor` exists, an
  argument of `ray.init` does not (https://github.com/ray-project/ray/pull/48891). Patched: `Node.start_log_monitor`.
- Agent modules for the dashboard and metrics: the raylet requires the agent, but not these modules. `services.py`
  starts the agent with `--minimal` if the packages of `ray[default]` are missing. Patched: `ray/_private/utils.py`,
  `get_dashboard_dependency_error`. It would still import all modules; `agent_child` prevents that.

On a busy machine the raylet may need more than the 30 seconds after which `ray.init` gives up, and it only registers
after its agents have started. Patched: `services.py`, `get_node`, which `Node` calls without a pause until then.

The raylet would also abort if an agent took more than 15 seconds to write its port to a file, as on a busy machine
(https://github.com/ray-project/ray/issues/65983), and would start no worker until then. It does not wait for ports that
it knows: minus one stands for services that a minimal agent does not have, and the agent of runtime environments gets a
free port. Patched: `services.py`, `start_raylet` and `start_ray_process`.

The raylet starts no more processes at a time than it has cores. Training on two cores needs four at once: two workers,
whose imports take seconds, the train controller and the progress actor. Patched: `services.py`, `start_ray_process`.

The raylet's agents end with it (see `agent_child`). Patched: `services.py`,
`_build_python_executable_command_memory_profileable`.

Ray's processes also get a process group of their own: SIGTERM for the group of `firelib run`, as from Slurm, would end
them before training has saved a checkpoint. Patched: `services.py`, `ConsolePopen`.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import stamina

from firelib.ray_setup.loopback import LOOPBACK

_REGISTER_SECONDS = 50.0  # until the raylet has registered; three attempts must end within four minutes
_UNKNOWN_PORTS = ("--metrics-agent-port=0", "--metrics_export_port=0")
_NO_PORTS = ("--metrics-agent-port=-1", "--metrics_export_port=-1", "--dashboard_agent_listen_port=-1")
_CONCURRENCY = "--maximum_startup_concurrency="
_MORE_STARTS = 2  # processes that may start at the same time as one for each core
_PYTHON_COMMAND = "_build_python_executable_command_memory_profileable"
_AGENT_CHILD = str(Path(__file__).with_name("agent_child.py"))


@contextmanager
def lean_start(log_monitor: bool) -> Iterator[None]:
    """Start every Ray inside the block without these processes, and wait longer for its raylet.

    Args:
        log_monitor: Whether to start the log monitor.
    """
    from ray._private import node, services, utils

    with (
        patch.object(services, "get_node", _with_patience(services.get_node)),
        patch.object(services, "start_raylet", _with_free_port(services.start_raylet)),
        patch.object(services, "start_ray_process", _without_services(services.start_ray_process)),
        patch.object(services, "start_api_server", _no_api_server),
        patch.object(services, _PYTHON_COMMAND, _end_with_parent(getattr(services, _PYTHON_COMMAND))),
        patch.object(services, "ConsolePopen", partial(services.ConsolePopen, process_group=0)),
        patch.object(utils, "get_dashboard_dependency_error", _missing_dependency),
        patch.object(node.Node, "start_monitor", _do_nothing),
        patch.object(node.Node, "start_log_monitor", node.Node.start_log_monitor if log_monitor else _do_nothing),
    ):
        yield


def _with_patience(get_node: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return stamina.retry(
        on=_may_register,
        attempts=None,
        timeout=_REGISTER_SECONDS,
        wait_initial=0.1,
        wait_max=0.5,
        wait_jitter=0.0,
        wait_exp_base=1.2,
    )(get_node)


def _may_register(error: Exception) -> bool:
    """Whether this is Ray's error for a node that has not registered, and the raylet is alive."""
    alive = [child.name() for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return isinstance(error, RuntimeError) and "raylet" in alive


def _with_free_port(start_raylet: Callable[..., Any]) -> Callable[..., Any]:
    """Extend the function that starts the raylet and its agents by the port of one of them."""

    def start(*args: Any, **options: Any) -> Any:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        return start_raylet(*args, **{**options, "runtime_env_agent_port": port})

    return start


def _without_services(start_process: Callable[..., Any]) -> Callable[..., Any]:
    """Extend the function that starts a process: the raylet knows that its agent has no services."""

    def start(command: list[str], process_type: str, *args: Any, **options: Any) -> Any:
        if process_type == "raylet":
            command = [*(_start_more(word) for word in command if word not in _UNKNOWN_PORTS), *_NO_PORTS]
        return start_process(command, process_type, *args, **options)

    return start


def _start_more(word: str) -> str:
    """Raise the number of processes that the raylet starts at a time, if this argument sets it."""
    name, _, value = word.partition(_CONCURRENCY)
    return word if name or not value else f"{_CONCURRENCY}{int(float(value)) + _MORE_STARTS}"


def _end_with_parent(build_command: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Extend the function that builds the start of an agent's command."""
    return lambda *args, **options: [*build_command(*args, **options), "-P", _AGENT_CHILD]


def _no_api_server(*_: Any, **__: Any) -> tuple[None, None]:
    """Return what Ray returns if the API server does not start: no address and no process."""
    return None, None


def _missing_dependency() -> ImportError:
    """Pretend that Ray is installed without its extra `default`."""
    return ImportError("disabled by firelib")


def _do_nothing(_: Any) -> None:
    pass
