"""Around a stage that runs as a job on another host: secrets in, time limit, outputs out."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib import storage
from firelib.launch.job_environment import JOB_ID, SECRETS, TIMEOUT, read_secrets
from firelib.launch.transfer.output_archive import outputs_there, outputs_uri, pack_outputs


@contextmanager
def job_stage(project: Path, root: str) -> Iterator[None]:
    """Run a stage in the block as a job; when it ends well, its outputs are left for the one who sent it.

    Args:
        project: Folder of the project on this host.
        root: Storage root, which all hosts see.
    """
    os.environ.update(read_secrets(json.loads(os.environ.pop(SECRETS, "{}"))))
    before = outputs_there(project)
    with _time_limit(os.environ.pop(TIMEOUT, None)):
        yield
    storage.write_bytes(outputs_uri(root, os.environ[JOB_ID]), pack_outputs(project, before))


@contextmanager
def _time_limit(seconds: str | None) -> Iterator[None]:
    """SIGTERM to this process when the time is over: training saves a checkpoint and ends with 75."""
    timer = threading.Timer(float(seconds or 0), os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
