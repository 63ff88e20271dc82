"""The first code of ours on a worker of Ray Train. It imports little, since the driver imports it, too."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from firelib.keras_import import import_keras

if TYPE_CHECKING:
    from firelib.train.run_spec import TrainingJob

_ahead: threading.Thread | None = None


def import_ahead() -> None:
    """Begin to import what training needs, in a thread: until this returns, Ray gives the process no actor."""
    global _ahead  # noqa: PLW0603  one import a process
    _ahead = threading.Thread(target=_import, name="import", daemon=True)
    _ahead.start()


def _import() -> None:
    """TensorFlow, Keras and the loop. No op runs, since collectives have to be set up before the first one."""
    import_keras()
    import firelib.train.worker.training_loop  # noqa: F401


def train_loop(config: Mapping[str, Any]) -> None:
    """Entry point of a Ray Train worker."""
    import ray.train

    job: TrainingJob = config["job"]
    context = ray.train.get_context()
    rank = context.get_world_rank()
    job.live.phase.remote(rank, "importing TensorFlow")
    if _ahead is not None:
        _ahead.join()
    _import()  # what failed ahead fails here, where it is reported
    from firelib.train.worker.training_loop import run_worker

    job.live.phase.remote(rank, "building the model")
    run_worker(job, rank, context.get_world_size())
