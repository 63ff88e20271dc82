"""What a measurement counts."""

import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np

from benchmarks.input.consume import epoch, fingerprints

BATCH = {"label": np.arange(4), "text": np.array(["a", "b", "c", "d"], object)}


def test_first_epoch_begins_before_the_pipeline_is_built() -> None:
    def batches() -> Iterator[dict[str, Any]]:
        begin = time.process_time()
        while time.process_time() < begin + 0.1:
            pass
        time.sleep(0.1)
        return repeat(BATCH)

    measured = epoch(batches, rows=8)
    assert measured["rows"] == 8
    assert measured["seconds"] >= 0.2
    assert measured["cpu_seconds"] >= 0.1


def test_fingerprints_tell_rows_that_are_read_twice() -> None:
    other = {"label": np.arange(4), "text": np.array(["a", "b", "c", "e"], object)}
    hashes = fingerprints(lambda: iter([BATCH, other]), rows=8)["fingerprints"]
    assert len(hashes) == 8
    assert len(set(hashes)) == 5
