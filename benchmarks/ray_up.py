"""How long does `ray up` take until all nodes are alive, against the same commands by hand over SSH?

    python -m benchmarks.ray_up [--rounds 3] [--workers 2]

The hosts are containers that `ansible/setup.yml` sets up, so it needs root on Debian, like `make test-cluster`. The
timer stops when Ray's GCS lists the last node as alive. By hand, the workers start in parallel once the head is up.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import yaml

from benchmarks.harness.measure import Way, finding, interleaved, save, spread
from firelib.console import note
from tests import engine as engines
from tests import engine_base
from tests.cluster.lab import Lab, lab

_UP, _SAME, _DOCUMENTED = "ray up", "by hand, commands of cluster.yaml", "by hand, as Ray documents"
_HEAD = "ray stop; ray start --head --port=6379 --dashboard-host=$RAY_NODE_ADDRESS --node-ip-address=$RAY_NODE_ADDRESS"
_WORKER = "ray stop; ray start --address=$RAY_HEAD_IP:6379 --node-ip-address=$RAY_NODE_ADDRESS"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with _ready_hosts(options.workers) as (hosts, addresses):
        ways = _ways(hosts, addresses)
        rates = interleaved(ways, options.rounds)
    seconds = {name: [1 / rate for rate in rates[name]] for name in ways}
    note(f"figures: {save('ray_up', 'How long until all nodes are alive?', [_case(ways, seconds, options.workers)])}")


@contextmanager
def _ready_hosts(workers: int) -> Iterator[tuple[Lab, list[str]]]:
    """Set up hosts without a running Ray; yield them with their addresses, the head's first."""
    with engines.engine() as engine, lab(engine, engine_base.cache()) as hosts:
        addresses = [hosts.add_host(f"host{last}", last) for last in range(10, 11 + workers)]
        hosts.write_cluster(addresses[0], addresses[1:])
        note("setting the hosts up")
        hosts.play("setup.yml")
        yield hosts, addresses


def _ways(hosts: Lab, addresses: list[str]) -> dict[str, Way]:
    file = yaml.safe_load(hosts.cluster_file.read_text())
    # With its settings, the autoscaler would start the workers itself.
    head = "; ".join(file["head_start_ray_commands"]).replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "")
    worker = "; ".join(file["worker_start_ray_commands"])
    starts: dict[str, Callable[[], object]] = {
        _UP: partial(hosts.run, "ray", "up", "--yes", str(hosts.cluster_file)),
        _SAME: partial(_by_hand, hosts, addresses, head, worker),
        _DOCUMENTED: partial(_by_hand, hosts, addresses, _HEAD, _WORKER),
    }
    settings = {_UP: "cluster/cluster.yaml", _SAME: "without the autoscaler", _DOCUMENTED: "ray stop; ray start"}
    clear = partial(_stop_ray, hosts, addresses)
    return {
        name: Way(partial(_until_alive, hosts, addresses, start), settings[name], 1, clear)
        for name, start in starts.items()
    }


def _stop_ray(hosts: Lab, addresses: list[str]) -> None:
    """Stop Ray everywhere and remove its sessions."""
    hosts.run("ray", "down", "--yes", str(hosts.cluster_file))
    _run_on_all(hosts, addresses, "ray stop --force; rm -rf /tmp/ray")


def _by_hand(hosts: Lab, addresses: list[str], head: str, worker: str) -> None:
    hosts.on(addresses[0], head)
    _run_on_all(hosts, addresses[1:], f"export RAY_HEAD_IP={addresses[0]}; {worker}")


def _run_on_all(hosts: Lab, addresses: list[str], command: str) -> None:
    with ThreadPoolExecutor() as executor:
        list(executor.map(lambda address: hosts.on(address, command), addresses))


def _until_alive(hosts: Lab, addresses: list[str], start: Callable[[], object]) -> None:
    watch = [sys.executable, "-m", "benchmarks.ray_nodes", f"{addresses[0]}:6379", str(len(addresses))]
    with subprocess.Popen(watch, env=hosts.environment, stderr=subprocess.DEVNULL) as watching:  # noqa: S603  our own module
        start()
        watching.wait()


def _case(ways: Mapping[str, Way], seconds: Mapping[str, list[float]], workers: int) -> dict[str, Any]:
    bars = [{"name": name, **spread(seconds[name]), "settings": way.settings} for name, way in ways.items()]
    findings = [
        finding(f"{_UP} ÷ {peer}", spread(_ratios(seconds[_UP], seconds[peer])), "×", "< 1.2")
        for peer in (_SAME, _DOCUMENTED)
    ]
    return {"title": f"a head and {workers} workers", "unit": "s", "bars": bars, "findings": findings, "absent": {}}


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


if __name__ == "__main__":
    main()
