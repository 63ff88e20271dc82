"""What does each stage cost? Wall time, peak memory of all its processes, and the share of start-up.

    python -m benchmarks.stages

Needs a project whose pipeline has run before; each stage runs again.
Start-up is measured separately: the same interpreter does only what precedes the stage's work (imports, start of Ray).
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.measure import finding, save, spread
from firelib.console import note

_RAY = """
from firelib.config import Environment
from firelib.ray_setup.session import ray_session
with ray_session(Environment()): pass
"""
START_UP = {
    "extract": "import firelib.data.extract",
    "transform": f"import firelib.data.transform{_RAY}",
    "train": f"import firelib.train.driver.train_stage, firelib.train.driver.ray_trainer{_RAY}",
    "evaluate": "import firelib.evaluate.evaluate, keras",
}
COMMANDS = {
    "extract": ["extract"],
    "transform": ["transform", "--fresh"],
    "train": ["train", "--fresh"],
    "evaluate": ["evaluate"],
}


def main() -> None:
    cases = (_measure(stage) for stage in COMMANDS)
    note(f"figures: {save('stages', 'What does each stage cost?', cases, 'not controlled')}")


def _measure(stage: str) -> dict[str, Any]:
    note(f"measuring {stage}")
    start_up, _ = measure([sys.executable, "-c", START_UP[stage]])
    wall, peak = measure([str(Path(sys.executable).with_name("firelib")), *COMMANDS[stage]])
    seconds = {"whole stage": wall, "start-up": start_up}
    bars = [{"name": name, **spread([value])} for name, value in seconds.items()]
    findings = [
        finding("whole stage", spread([wall]), "s"),
        finding("share of start-up", spread([100 * start_up / wall]), "%"),
        finding("peak memory", spread([peak]), "MiB"),
    ]
    return {"title": stage, "unit": "s", "bars": bars, "findings": findings}


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall seconds, and the peak MiB of its process tree, with shared pages counted once."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:  # noqa: S603  our own commands
        peak = _Peak(process.pid)
        code = process.wait()
        wall = time.perf_counter() - started
        peak.stop()
    if code:
        sys.exit(f"{' '.join(command)} failed with exit code {code}: run it by hand to see its error")
    return wall, peak.mib


class _Peak:
    """Samples the memory of a process tree."""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._root, self._done = psutil.Process(pid), threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.3):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.mib = max(self.mib, sum(map(_proportional_bytes, tree)) / 2**20)


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    main()
