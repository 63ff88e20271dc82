"""Writers that are killed: a reader sees the old dataset or none, and the next writer gives the same bytes."""

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
print("begins", flush=True)
for _ in range(int(sys.argv[2])):
    write_tfrecords(data, sys.argv[1], FEATURES, label=LABEL, shard_mib=0.1, overwrite=True)
"""


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _killed_after(folder: Path, seconds: float) -> None:
    """Let a process write the dataset again and again, and kill it some time after it began."""
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(folder), "1000"], stdout=subprocess.PIPE)
    assert writer.stdout
    assert writer.stdout.readline() == b"begins\n"
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    assert writer.wait(timeout=60) == -signal.SIGKILL
    writer.stdout.close()


@pytest.mark.parametrize("there_before", [False, True])
def test_a_killed_writer(tmp_path: Path, there_before: bool) -> None:
    write_tfrecords(columns(ROWS), str(tmp_path / "expected"), FEATURES, label=LABEL, shard_mib=0.1)
    expected, old = _content(tmp_path / "expected"), columns(ROWS, start=7)
    folder, chance = tmp_path / "place" / "d", random.Random(there_before)
    for _ in range(3):
        if there_before:
            write_tfrecords(old, str(folder), FEATURES, label=LABEL, overwrite=True)
        _killed_after(folder, chance.uniform(0, 0.8))
        if folder.exists():  # either dataset, but whole
            dataset = open_dataset(str(folder))
            dataset.verify()
            found = dataset.as_numpy("train")
            assert_equal(found, old if found["count"][0] == 7 else columns(ROWS))
        else:
            with refused(what=folder):
                open_dataset(str(folder))
        write_tfrecords(columns(ROWS), str(folder), FEATURES, label=LABEL, shard_mib=0.1, overwrite=True)
        assert _content(folder) == expected
        assert [path.name for path in folder.parent.iterdir()] == ["d"]
