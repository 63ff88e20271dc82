"""A dataset may have more shards than the shell's limit of open files."""

import resource
import subprocess
import sys
from pathlib import Path

from tests.tfrecord.small import write_dataset

SOFT = 256

READ = """
import resource, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), hard))
from firelib import open_dataset
print(len(open_dataset(sys.argv[1]).as_numpy("train")["label"]))
"""


def test_more_shards_than_open_files(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", *[2] * (SOFT + 50))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 2 * SOFT
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "data"), str(SOFT)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [str(2 * (SOFT + 50))], done.stderr
