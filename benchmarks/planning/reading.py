"""Seconds of an epoch's reading from a disk, from a store beside it, and from a store far away, in one process.

    python -m benchmarks.planning.reading FOLDER ROUNDS

Each round reads the dataset in FOLDER once in each way, into a cache that is empty before. A first round is not
counted. Prints JSON: way → seconds of each round.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.planning.file_store import serve
from firelib import open_dataset

BATCH = 1024
#: Way → milliseconds of latency; None reads the files themselves.
WAYS = {"disk": None, "near": 0, "far": 20}


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    import_tensorflow()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    with serve(folder) as address:
        for index in range(rounds + 1):
            begin = index % len(WAYS)
            for way in [*list(WAYS)[begin:], *list(WAYS)[:begin]]:
                latency = WAYS[way]
                took = epoch_seconds(str(folder) if latency is None else f"{address}/{latency}")
                if index:
                    seconds[way].append(took)
    print(json.dumps(seconds))  # noqa: T201  the parent reads it


def epoch_seconds(uri: str) -> float:
    """Read the training split once, shuffled, with an empty cache; return the seconds."""
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as cache:
        os.environ["FIRELIB_CACHE"] = cache
        batches = open_dataset(uri).as_tf(BATCH, "train", seed=1)
        begun = time.perf_counter()
        for _ in batches:
            pass
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
