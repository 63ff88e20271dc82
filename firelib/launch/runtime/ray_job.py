"""The context of a stage that runs as a Ray job on another host: secrets, time limit, upload of outputs."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.job_context import JOB_ID
from firelib.launch.job_environment import SECRETS, TIMEOUT, read_secrets
from firelib.launch.transfer.output_archive import outputs_uri, snapshot_outputs, upload_outputs


@contextmanager
def job_stage(project: Path, root: str) -> Iterator[None]:
    """Prepare a job's stage, which runs in the block, and upload its outputs if the block succeeds.

    Args:
        project: The project's folder on this host.
        root: Storage root that all hosts share.

    Raises:
        FirelibError: A secret is missing, or the bucket cannot be used.
    """
    os.environ.update(read_secrets(json.loads(os.environ.pop(SECRETS, "{}"))))
    before = snapshot_outputs(project)
    with _time_limit(os.environ.pop(TIMEOUT, None)):
        yield
    upload_outputs(project, before, outputs_uri(root, os.environ[JOB_ID]))


@contextmanager
def _time_limit(seconds: str | None) -> Iterator[None]:
    """Send SIGTERM to this process at the time limit: training saves a checkpoint and exits with code 75."""
    timer = threading.Timer(float(seconds or 0), os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
