"""How fast does the training loop train: against the same model in memory, Keras' `fit`, and itself on one worker?

    python -m benchmarks.training [--rounds 3] [--recipes fashion_mnist flights]

Runs the real loop on real workers, but without Ray, whose start is not part of the question. Needs two cores, and the
datasets: `firelib run --recipe fashion_mnist transform` and `firelib run transform`.

One worker on both cores reads shards, or tensors in memory, and is compared with `fit` on the same batches. Then two
workers with one core each are compared with one worker on one core, and their step is broken down: computing is a step
of one worker on one core with half the batch, without its waiting for data; waiting for data is measured; the rest is
the all-reduce, including the wait for the other worker.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import Pair, Way, compared, finding, interleaved, save, spread
from benchmarks.training_worker import build_job
from firelib.config import Checkpoint
from firelib.console import note
from firelib.project_layout import find_params
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.worker.devices import build_worker_environment

ROOT = Path(__file__).parents[1]

_LOOP, _MEMORY, _FIT, _FIT_MEMORY = "firelib", "firelib, in memory", "fit", "fit, in memory"
_SAVING = "firelib, with a checkpoint"
_ONE, _HALF, _TWO = "1 worker, 1 core", "1 worker, 1 core, half batch", "2 workers, 1 core each"
_PAIRS = [Pair(_LOOP, _MEMORY, 0.95), Pair(_LOOP, _FIT, 1), Pair(_MEMORY, _FIT_MEMORY, 1)]
_EFFICIENCY = {"fashion_mnist": "≥ 0.85"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipes", nargs="+", default=["fashion_mnist", "flights"])
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        sys.exit("this benchmark needs two cores")
    for recipe in options.recipes:
        cases = _measure(recipe, options.rounds)
        note(f"figures: {save(f'training_{recipe}', 'How fast does the training loop train?', cases)}")


class Group:
    """Worker processes that train an epoch on request.

    Args:
        params: The recipe's params.yaml.
        folder: Folder for the runs' files and the workers' log.
        cores: The cores of each worker, such as `0,1`.
    """

    def __init__(self, params: Path, folder: Path, cores: Sequence[str]) -> None:
        folder.mkdir()
        self._log = folder / "workers.log"
        cluster = [f"127.0.0.1:{port}" for port in _free_ports(len(cores))]
        self._workers = []
        for rank, own in enumerate(cores):
            environment = {**os.environ, **build_worker_environment(len(own.split(",")), on_gpu=False)}
            if len(cores) > 1:
                task = {"type": "worker", "index": rank}
                environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": cluster}, "task": task})
            arguments = [str(params), str(folder), str(rank), str(len(cores)), own]
            command = [sys.executable, "-m", "benchmarks.training_worker", *arguments]
            with self._log.open("a") as log:
                worker = subprocess.Popen(  # noqa: S603  our own module
                    command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, stderr=log, text=True
                )
            self._workers.append(worker)
        self.waited: dict[str, list[float]] = {}

    def train(self, way: str) -> float:
        """Train an epoch; return the seconds of the slowest worker."""
        for worker in self._workers:
            assert worker.stdin
            worker.stdin.write(f"{way}\n")
            worker.stdin.flush()
        answers = [self._answer(worker) for worker in self._workers]
        seconds = max(answer["seconds"] for answer in answers)
        self.waited.setdefault(way, []).append(max(answer["waited"] for answer in answers) / seconds)
        return seconds

    def _answer(self, worker: "subprocess.Popen[str]") -> dict[str, float]:
        assert worker.stdout
        line = worker.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker failed: {self._log.read_text()[-2000:]}")
        return dict(json.loads(line))

    def end(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()


def _measure(recipe: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Measure two cases: one worker on both cores, then one core per worker."""
    params = ROOT / "params.yaml" if recipe == "flights" else find_params(recipe, ROOT)
    note(f"training {recipe}")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        job = build_job(params, folder)
        batch = job.params.train.global_batch_size
        rows = read_manifest(job.manifest).split("train").rows

        def group(name: str, *cores: str) -> Group:
            made = Group(params, Path(folder, name), cores)
            stack.callback(made.end)
            return made

        title = f"{recipe}, batches of {batch}"
        yield _both_cores(title, group("both", "0,1"), rows, rounds)
        yield _one_core_each(title, group("one", "0"), group("two", "0", "1"), (rows, batch), rounds)


def _both_cores(title: str, group: Group, rows: int, rounds: int) -> dict[str, Any]:
    ways = {
        _LOOP: Way(partial(group.train, "shards"), "the loop, fed from shards", rows),
        _MEMORY: Way(partial(group.train, "memory"), "the loop, fed from a list of tensors", rows),
        _SAVING: Way(partial(group.train, "saving"), "the loop, fed from shards, one checkpoint per epoch", rows),
        _FIT: Way(partial(group.train, "fit"), "keras.Model.fit(as_tf(seed=…)), no strategy", rows),
        _FIT_MEMORY: Way(partial(group.train, "fit, memory"), "keras.Model.fit(as_tf(seed=…).cache())", rows),
    }
    rates = interleaved(ways, rounds, turn_seconds=0)  # one epoch per turn, so that each wait belongs to one rate
    case = compared(f"{title}, one worker on two cores", ways, rates, _PAIRS, {})
    case["findings"].append(_checkpoints(rows, rates))
    shares = {way: spread([100 * group.waited[way][call] for call in rates.calls]) for way in ("shards", "memory")}
    case["findings"] += [
        finding("input-bound share", shares["shards"], "%", "< 5"),
        finding("of that, taking a batch: the share with batches in memory", shares["memory"], "%"),
    ]
    return case


def _checkpoints(rows: int, rates: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Cost of a checkpoint: the time that it adds to an epoch, relative to the interval between two checkpoints."""
    every = Checkpoint().every_seconds
    assert every
    more = [rows / saving - rows / plain for saving, plain in zip(rates[_SAVING], rates[_LOOP], strict=True)]
    shares = spread([100 * seconds / every for seconds in more])
    return finding(f"a checkpoint every {every:.0f} s", shares, "% of the time", "< 2")


def _one_core_each(title: str, one: Group, two: Group, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    rows, batch = size
    ways = {
        _ONE: Way(partial(one.train, "shards"), "pinned to core 0", rows),
        _HALF: Way(partial(one.train, "half"), "as above; batches half as large", rows),
        _TWO: Way(partial(two.train, "shards"), "pinned to cores 0 and 1", rows),
    }
    rates = interleaved(ways, rounds, turn_seconds=0)  # one epoch per turn, so that each wait belongs to one rate
    case = compared(f"{title}, one core each", ways, rates, [], {})
    efficiency = [double / single / 2 for double, single in zip(rates[_TWO], rates[_ONE], strict=True)]
    case["findings"].append(
        finding("efficiency of two workers", spread(efficiency), "", _EFFICIENCY.get(title.split(",")[0], ""))
    )
    half = Steps(batch / 2, rates[_HALF], [one.waited["half"][call] for call in rates.calls])
    waited = [two.waited["shards"][call] for call in rates.calls]
    parts = break_down(Steps(batch, rates[_TWO], waited), half)
    case["findings"] += [finding(name, spread(values), "ms") for name, values in parts.items()]
    return case


@dataclass(frozen=True)
class Steps:
    """Measurements of a worker group, one per round.

    Attributes:
        batch: Rows per global batch.
        rates: Rows per second.
        waited: Share of the time that the workers waited for data.
    """

    batch: float
    rates: Sequence[float]
    waited: Sequence[float]

    @property
    def milliseconds(self) -> list[float]:
        return [1000 * self.batch / rate for rate in self.rates]

    @property
    def waiting(self) -> list[float]:
        return [step * share for step, share in zip(self.milliseconds, self.waited, strict=True)]


def break_down(two: Steps, half: Steps) -> dict[str, list[float]]:
    """Break down the milliseconds of a step of two workers.

    Args:
        two: Two workers.
        half: One worker with half the batch.

    Returns:
        The whole step and its parts → milliseconds in each round.
    """
    computing = [step - wait for step, wait in zip(half.milliseconds, half.waiting, strict=True)]
    rest = [step - own - wait for step, own, wait in zip(two.milliseconds, computing, two.waiting, strict=True)]
    return {
        "a step of two workers": two.milliseconds,
        "computing": computing,
        "waiting for data": two.waiting,
        "all-reduce": rest,
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    main()
