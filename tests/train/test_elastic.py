"""A node is lost and comes back: training continues with the workers that have a slot, and grows again."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from firelib.train.checkpoint.store import CheckpointStore
from tests.own_process import run_module
from tests.patience import patience, wait_until
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy

EPOCHS = 200
STEPS = 16
START = 300.0  # seconds until workers train
PATIENT = {"start_seconds": patience(START), "hang_seconds": patience(60.0)}  # a slow start is no loss


class SlowToy(Toy):
    """Pauses before each epoch as long as a file exists, so that more workers are worth a restart."""

    def callbacks(self, params: Mapping[str, Any]) -> Any:
        import keras

        slow = Path(params["pids"]).parent / "slow"
        return [keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: time.sleep(patience(2) * slow.exists()))]


@pytest.mark.integration
@pytest.mark.slow
def test_training_shrinks_and_grows_with_the_nodes(tmp_path):
    done = run_module(__name__, tmp_path, seconds=900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "1 of 2 workers" in done.stderr
    assert "restarting with 2 workers" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"steps": EPOCHS * STEPS, "restarts": 2.0}


def _lose_a_node(folder: Path) -> None:
    """Run in a process of its own: a cluster of two nodes, one of which is lost and comes back."""
    import threading

    import ray
    from ray.cluster_utils import Cluster

    import firelib.ray_setup.session  # noqa: F401  sets Ray's variables: by default, its workers wait for all other work
    from firelib.ray_setup.lean_start import lean_start
    from firelib.train.driver.train_stage import train

    with lean_start(log_monitor=False):  # Ray itself gives a node on a busy machine too little time
        head = {"num_cpus": 1, "include_dashboard": False}
        # At exit, nodes would be shut down by a signal handler, which the thread that adds a node could not set.
        cluster = Cluster(initialize_head=True, shutdown_at_exit=False, head_node_args=head)
        node = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    paths, pids, slow = write_toy(folder), folder / "pids", folder / "slow"
    pids.mkdir()
    slow.touch()

    def lose_and_add() -> None:
        def newest() -> int:
            runs = list(Path(paths.runs).glob("*"))
            return max([0, *CheckpointStore(str(runs[0])).steps()]) if runs else 0

        wait_until(newest, START, "a checkpoint of two workers")
        cluster.remove_node(node, allow_graceful=False)
        lost_at = newest()
        wait_until(lambda: newest() > lost_at + STEPS, START, "a checkpoint of one worker")
        with lean_start(log_monitor=False):
            cluster.add_node(num_cpus=1)
        wait_until(lambda: len(list(pids.iterdir())) == 2 + 1 + 2, START, "two workers again")
        slow.unlink()

    def stop_training(failure: Any) -> None:
        """Otherwise it would go on for a quarter of an hour."""
        sys.excepthook(*failure[:3])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.excepthook = stop_training
    threading.Thread(target=lose_and_add, daemon=True).start()
    params = toy_params(workers=2, epochs=EPOCHS, train=PATIENT, pids=str(pids))
    try:
        progress = train(SlowToy(), params, UNTRACKED, paths)
        print(json.dumps({"steps": progress.step, "restarts": progress.timing["restarts"]}))  # noqa: T201
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    _lose_a_node(Path(sys.argv[1]))
