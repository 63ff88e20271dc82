"""Track steps like a worker, and end as told: `python -m tests.train.tracking.killed_run PROJECT LAST kill|finish`."""

import os
import signal
import sys
from pathlib import Path

from firelib import storage
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.driver.train_stage import build_run_spec
from firelib.train.tracking.tracker import StepLogger, start_tracker
from tests.train.toy import TRACKED, Toy, toy_params

EPOCH_STEPS = 1_000_000  # no epoch ends


def main(project: Path, last: int, end: str) -> None:
    paths = Paths("toy", str(project / "storage"), project)
    spec = build_run_spec(Toy(), toy_params(), TRACKED, paths, read_manifest(str(paths.manifest)))
    saved = project / "tracking_id.json"
    resumed = storage.read_json(str(saved))["id"] if saved.exists() else None
    tracker = start_tracker(spec, 0, resumed, print)
    storage.write_bytes(str(saved), storage.to_json({"id": tracker.id}))
    logger = StepLogger(tracker, spec.run_uri, EPOCH_STEPS)
    logger.log_until(last, TrainingProgress(losses=[1 / (step + 1) for step in range(last)]))
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    tracker.finish({}, None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
