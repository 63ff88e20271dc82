"""A node of the Ray cluster is lost while the transform runs: the dataset is the same."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.own_process import run_module
from tests.patience import wait_until

ROWS = 200_000
PARTITION_BYTES = 1 << 20


@pytest.mark.integration
@pytest.mark.slow
def test_a_lost_node_changes_nothing(tmp_path: Path) -> None:
    done = run_module(__name__, tmp_path, seconds=600)
    assert done.returncode == 0, done.stderr[-3000:]
    [said] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"before"')]  # Ray prints, too
    assert said["nodes"] == [2, 1]
    assert said["after"] == said["before"]


def _lose_a_node(folder: Path) -> None:
    """Run in a process of its own: a cluster of two nodes, one of which is removed while rows are exchanged."""
    import ray
    from ray.cluster_utils import Cluster

    from benchmarks.engines.trips import Trips, make_tables, paths_of, write_lake
    from firelib.data.transform import transform
    from tests.recipes.tiny import project

    paths = paths_of(folder)
    write_lake(make_tables(ROWS), 4, paths)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    params, _ = project(folder, shard_mib=1, partition_bytes=PARTITION_BYTES)
    before, nodes = transform(Trips(), params, paths).sha256, [_count_nodes()]

    def lose() -> None:
        while len(list(Path(paths.scratch).rglob("*.arrow"))) < 5:
            time.sleep(0.02)
        cluster.remove_node(node, allow_graceful=False)

    loser = threading.Thread(target=lose, daemon=True)
    loser.start()
    after = transform(Trips(), params, paths, fresh=True).sha256
    loser.join()
    wait_until(lambda: _count_nodes() == 1, 120, "Ray notices the loss")
    print(json.dumps({"before": before, "after": after, "nodes": [*nodes, _count_nodes()]}))  # noqa: T201
    ray.shutdown()
    cluster.shutdown()


def _count_nodes() -> int:
    import ray

    return sum(node["Alive"] for node in ray.nodes())


if __name__ == "__main__":
    _lose_a_node(Path(sys.argv[1]))
