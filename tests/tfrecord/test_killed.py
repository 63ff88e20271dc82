"""Killed writers: a reader sees the old dataset or none, and the next writer produces the same bytes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firelib import open_dataset, write_tfrecords
from tests.errors import refused
from tests.tfrecord.samples import assert_equal
from tests.tfrecord.small import FEATURES, LABEL, columns

ROWS = 20_000

WRITE = f"""
import sys
from firelib import write_tfrecords
from tests.tfrecord.small import FEATURES, LABEL, columns
data = columns({ROWS})
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    write_tfrecords(data, sys.argv[1], FEATURES, label=LABEL, shard_mib=0.1, overwrite=True)
"""


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _kill_writer_after(folder: Path, seconds: float) -> None:
    """Start a process that writes the dataset repeatedly, and kill it some seconds later."""
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(folder), "1000"], stdout=subprocess.PIPE)
    assert writer.stdout
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    assert writer.wait(timeout=60) == -signal.SIGKILL
    writer.stdout.close()


@pytest.mark.parametrize("exists_before", [False, True])
def test_a_killed_writer_leaves_a_complete_dataset_or_none(tmp_path: Path, exists_before: bool) -> None:
    write_tfrecords(columns(ROWS), str(tmp_path / "expected"), FEATURES, label=LABEL, shard_mib=0.1)
    expected, old = _content(tmp_path / "expected"), columns(ROWS, start=7)
    folder, chance = tmp_path / "parent" / "d", random.Random(exists_before)
    for _ in range(3):
        if exists_before:
            write_tfrecords(old, str(folder), FEATURES, label=LABEL, overwrite=True)
        _kill_writer_after(folder, chance.uniform(0, 0.8))
        if folder.exists():  # either dataset, but a complete one
            dataset = open_dataset(str(folder))
            dataset.verify()
            found = dataset.as_numpy("train")
            assert_equal(found, old if found["count"][0] == 7 else columns(ROWS))
        else:
            with refused(where=folder):
                open_dataset(str(folder))
        write_tfrecords(columns(ROWS), str(folder), FEATURES, label=LABEL, shard_mib=0.1, overwrite=True)
        assert _content(folder) == expected
        assert [path.name for path in folder.parent.iterdir()] == ["d"]
