"""tf.data service: the tuned pipeline runs in a worker of its own, and the training process fetches batches from it.

    python -m benchmarks.peers.loaders.tf_data_service

runs a dispatcher and one worker, prints the dispatcher's address, and ends with its standard input.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.input.job import Job
from benchmarks.peers.loaders.tf_data import merged, pipeline, write

__all__ = ["prepared", "write"]


def main() -> None:
    import_tensorflow()
    from tensorflow.data.experimental import service

    dispatcher = service.DispatchServer()
    worker = service.WorkerServer(service.WorkerConfig(dispatcher.target.partition("://")[2]))
    print(dispatcher.target, flush=True)  # noqa: T201  the training process reads it
    sys.stdin.read()
    del worker


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    import_tensorflow()
    with _service() as target:
        yield lambda: merged(_distributed(replace(job, options={"tuned": True}), target))


def _distributed(job: Job, target: str) -> Any:
    import tensorflow as tf
    from tensorflow.data.experimental import service

    distribute = service.distribute(service.ShardingPolicy.OFF, target)
    return pipeline(job).repeat().apply(distribute).prefetch(tf.data.AUTOTUNE)


@contextmanager
def _service() -> Iterator[str]:
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own module
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.kill()  # its servers wait for clients that are gone


if __name__ == "__main__":
    main()
