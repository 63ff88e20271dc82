"""Waits until a Ray has so many nodes alive: `python -m benchmarks.ray_nodes ADDRESS COUNT`, then ends.

Asks the GCS itself, which costs the cluster next to nothing; a driver or `ray status` would start Python there.
"""

import sys
import time

from ray._raylet import GcsClient

_ALIVE = 0
_PAUSE = 0.1


def main() -> None:
    address, count = sys.argv[1], int(sys.argv[2])
    while _alive(address) < count:
        time.sleep(_PAUSE)


def _alive(address: str) -> int:
    try:
        nodes = GcsClient(address=address).get_all_node_info(timeout=5)
    except Exception:  # noqa: BLE001  # whatever it raises, there is no GCS yet
        return 0
    return sum(node.state == _ALIVE for node in nodes.values())


if __name__ == "__main__":
    main()
