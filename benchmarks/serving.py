"""What does HTTP cost: `firelib serve` against TensorFlow's SavedModel called in this process.

    python -m benchmarks.serving [--recipe flights] [--rounds 7] [--clients 4] [--short]

Needs the outputs of the pipeline (`make run`). The server is a process of its own on the loopback interface; clients
keep their connections alive, and send requests that are encoded before. Both score the same rows of the test split.
`--short` takes two rounds.

Goals: four clients get 0.8 of the rows a second that the SavedModel scores in this process, and the 99th percentile of
one row is at most 5 ms above that of the process.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.measure import Pair, Way, compared, finding, interleaved, save, spread
from firelib.console import note
from firelib.tfrecord.read.dataset import open_dataset

_ROWS = 256
_REQUESTS = 20  # of each client in a run
_SINGLE = 200  # requests of one row in a run
_DIFFERENCE = 1e-6
_SHORT = 2  # rounds
_IN_PROCESS, _SERVED, _ONE_CLIENT = "SavedModel in-process", "firelib serve", "firelib serve, one client"
# Four clients share the server's batches, so only the work of HTTP and JSON is left between both. 5 ms are a twentieth
# of the tenth of a second that people take for an immediate answer.
_PAIRS = [Pair(_SERVED, _IN_PROCESS, goal=0.8), Pair(_ONE_CLIENT, _IN_PROCESS)]
_EXTRA_GOAL = "≤ 5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="flights")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    rounds = _SHORT if options.short else options.rounds
    columns = _read_columns(options.recipe)
    call = _load_in_process(Path("models", options.recipe, "saved_model"))
    with _server(options.recipe) as connect, ThreadPoolExecutor(options.clients) as pool:
        connections = [connect() for _ in range(options.clients)]
        _require_same(call, connections[0], columns)
        case = _throughput(call, connections, columns, rounds, pool)
        case["findings"] += _latency(call, connections[0], columns, rounds)
    for one in case["findings"]:
        note(f"{one['what']}: {one['value']:.2f} {one['unit']} ({one['low']:.2f} to {one['high']:.2f}) {one['goal']}")
    note(f"figures: {save('serving', 'What does HTTP cost?', [case])}")


def _read_columns(recipe: str) -> dict[str, Any]:
    """The first rows of the test split: feature → array."""
    dataset = open_dataset(f"data/{recipe}/tfrecords")
    test = dataset.as_numpy("test")
    names = [fitted.feature.name for fitted in dataset.manifest.features]
    return {name: test[name][:_ROWS] for name in names}


def _to_json(columns: dict[str, Any], rows: int) -> bytes:
    return json.dumps(
        {"columns": {name: [_plain(v) for v in column[:rows]] for name, column in columns.items()}}
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode()
    if isinstance(value, np.ndarray):
        return value.tolist()
    number = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(number, float) and np.isnan(number) else number


def _load_in_process(folder: Path) -> Callable[[dict[str, Any]], Any]:
    """A function that scores arrays with the SavedModel."""
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    serve = model.signatures["serving_default"]
    specs = serve.structured_input_signature[1]

    def call(columns: dict[str, Any], keep: Any = model) -> Any:
        del keep  # the function works as long as the model exists
        tensors = {name: tf.cast(tf.constant(columns[name]), spec.dtype) for name, spec in specs.items()}
        (outputs,) = serve(
            **{n: t[..., None] if t.shape.rank < specs[n].shape.rank else t for n, t in tensors.items()}
        ).values()
        return outputs.numpy()

    return call


@contextmanager
def _server(recipe: str) -> Iterator[Callable[[], HTTPConnection]]:
    """A server; a function that connects to it."""
    command = [sys.executable, "-m", "firelib", "serve", "--recipe", recipe, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own program
    try:
        assert process.stdout
        address = process.stdout.readline().removeprefix("ready: http://").strip()
        yield lambda: HTTPConnection(address)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _post(connection: HTTPConnection, body: bytes) -> Any:
    connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    return content


def _require_same(call: Callable[..., Any], connection: HTTPConnection, columns: dict[str, Any]) -> None:
    served = json.loads(_post(connection, _to_json(columns, _ROWS)))["predictions"]
    if not isinstance(served[0], dict):
        difference = np.abs(np.array(served).reshape(_ROWS, -1) - call(columns).reshape(_ROWS, -1)).max()
        assert difference <= _DIFFERENCE, difference


def _throughput(
    call: Callable[..., Any],
    connections: list[HTTPConnection],
    columns: dict[str, Any],
    rounds: int,
    pool: ThreadPoolExecutor,
) -> dict[str, Any]:
    body = _to_json(columns, _ROWS)

    def in_process() -> None:
        for _ in range(_REQUESTS):
            call(columns)

    def one_client(connection: HTTPConnection) -> None:
        for _ in range(_REQUESTS):
            _post(connection, body)

    def all_clients() -> None:
        list(pool.map(one_client, connections))

    rows = _ROWS * _REQUESTS
    ways = {
        _IN_PROCESS: Way(in_process, f"{_ROWS} rows a call", rows),
        _SERVED: Way(all_clients, f"{len(connections)} clients, {_ROWS} rows a request", rows * len(connections)),
        _ONE_CLIENT: Way(partial(one_client, connections[0]), f"{_ROWS} rows a request", rows),
    }
    return compared(f"{_ROWS} rows a request", ways, interleaved(ways, rounds), _PAIRS, {})


def _latency(
    call: Callable[..., Any], connection: HTTPConnection, columns: dict[str, Any], rounds: int
) -> list[dict[str, Any]]:
    """Milliseconds of one row: in-process and over HTTP, by turns."""
    single, body = {name: column[:1] for name, column in columns.items()}, _to_json(columns, 1)
    found: dict[str, list[dict[str, float]]] = {"in-process": [], "served": []}
    for _ in range(rounds):
        found["in-process"].append(_percentiles(lambda: call(single)))
        found["served"].append(_percentiles(lambda: _post(connection, body)))
    extra = [s["p99"] - i["p99"] for s, i in zip(found["served"], found["in-process"], strict=True)]
    return [
        *(
            finding(f"one row, {name}, {percentile}", spread([one[percentile] for one in values]), "ms")
            for name, values in found.items()
            for percentile in ("p50", "p99")
        ),
        finding("one row: p99 served − p99 in-process", spread(extra), "ms", _EXTRA_GOAL),
    ]


def _percentiles(run: Callable[[], Any]) -> dict[str, float]:
    times = []
    for _ in range(_SINGLE):
        begun = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - begun))
    cuts = statistics.quantiles(times, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


if __name__ == "__main__":
    main()
