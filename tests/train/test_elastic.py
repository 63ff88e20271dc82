"""A node is lost for good: training continues with the workers that still have a slot."""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.own_process import run_module
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy

EPOCHS = 40


@pytest.mark.integration
@pytest.mark.slow
def test_lost_node_restarts_training_with_fewer_workers(tmp_path):
    done = run_module(__name__, tmp_path, seconds=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "1 of 2 workers" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"steps": EPOCHS * 16, "restarts": 1.0}


def _lose_a_node(folder: Path) -> None:
    """Run in a process of its own: a cluster of two nodes, one of which is removed after the first checkpoint."""
    import threading

    import ray
    from ray.cluster_utils import Cluster

    from firelib.train.driver.train_stage import train

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    paths = write_toy(folder)

    def lose() -> None:
        while not list(Path(paths.runs).rglob("progress.json")):
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)

    threading.Thread(target=lose, daemon=True).start()
    progress = train(Toy(), toy_params(workers=2, epochs=EPOCHS), UNTRACKED, paths)
    print(json.dumps({"steps": progress.step, "restarts": progress.timing["restarts"]}))  # noqa: T201
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    _lose_a_node(Path(sys.argv[1]))
