"""Entry point of a Ray Train worker. This module imports little, because the driver imports it too."""

import gc
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from firelib.keras_import import import_keras, pause_garbage_collector

if TYPE_CHECKING:
    from firelib.train.attempt import Attempt
    from firelib.train.run_spec import RunSpec

_import_thread: threading.Thread | None = None


def start_imports() -> None:
    """Start to import what training needs, in a thread. Ray assigns no actor to this process until this returns."""
    global _import_thread  # noqa: PLW0603  one import per process
    _import_thread = threading.Thread(target=_import, name="import", daemon=True)
    _import_thread.start()


def _import() -> None:
    """Import TensorFlow, Keras and the loop. No op may run: collectives must be set up before the first one.

    Modules live as long as the process, so the garbage collector need not traverse their objects again and again.
    """
    with pause_garbage_collector():
        import_keras()
        import firelib.train.worker.training_loop  # noqa: F401  for its effect

        gc.freeze()


def train_loop(config: Mapping[str, Any]) -> None:
    """Train as one worker of Ray Train.

    Args:
        config: The `spec` (`RunSpec`) and the `attempt` (`Attempt`).
    """
    import ray.train

    from firelib.train.progress_actor import PHASES

    spec: RunSpec = config["spec"]
    attempt: Attempt = config["attempt"]
    rank = ray.train.get_context().get_world_rank()
    attempt.board.set_phase.remote(rank, PHASES[0])
    if _import_thread is not None:
        _import_thread.join()
    _import()  # an import that failed in the thread fails again here, where it is reported
    from firelib.train.worker.training_loop import run_worker

    attempt.board.set_phase.remote(rank, PHASES[1])
    run_worker(spec, attempt, rank)
