"""Wait until a Ray cluster has a number of live nodes: `python -m benchmarks.ray_nodes ADDRESS COUNT`.

Asks the GCS directly, which costs the cluster almost nothing; a driver or `ray status` would start Python there.
"""

import sys
import time

from ray._raylet import GcsClient  # Ray's public API needs a connected driver

_ALIVE = 0  # GcsNodeInfo.GcsNodeState in Ray's src/ray/protobuf/gcs.proto
_PAUSE = 0.1


def main() -> None:
    address, count = sys.argv[1], int(sys.argv[2])
    while _alive(address) < count:
        time.sleep(_PAUSE)


def _alive(address: str) -> int:
    try:
        nodes = GcsClient(address=address).get_all_node_info(timeout=5)
    except Exception:  # noqa: BLE001  any error means that the GCS is not up yet
        return 0
    return sum(node.state == _ALIVE for node in nodes.values())


if __name__ == "__main__":
    main()
