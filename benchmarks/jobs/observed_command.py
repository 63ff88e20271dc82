"""A command that runs a training job, watched until its end."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.jobs.cpu_meter import CpuMeter, CpuSeconds

_FIRST_STEP = re.compile(r"train: [\d,]+/[\d,]+ in .*epoch \d+/")
_STOP_SECONDS = 120.0


@dataclass(frozen=True)
class Observed:
    """What was seen of a command.

    Attributes:
        first_step_seconds: Seconds until it showed the first step.
        cpu: CPU time of the job.
        last_line: The last line of its output.
    """

    first_step_seconds: float
    cpu: CpuSeconds
    last_line: str


def observe(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Observed:
    """Run a command to its end. If this process is interrupted, so is the command, and its end is awaited.

    Args:
        command: Its argv.
        folder: Its working directory.
        variables: Variables that it gets beside those of this process.

    Raises:
        RuntimeError: The command failed, or did not show a first step.
    """
    environment = {**os.environ, **variables, "COLUMNS": "200", "NO_COLOR": "1"}
    begun, first, output = time.perf_counter(), None, []
    with (
        CpuMeter(environment.get("DOCKER_HOST", "")) as meter,
        subprocess.Popen(  # noqa: S603  our own commands
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                output.append(line)
                if first is None and is_first_step(line):
                    first = time.perf_counter() - begun
        except BaseException:
            _stop(process)
            raise
    if process.returncode or first is None:
        text = "".join(output)[-4000:]
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{text}")
    return Observed(first, meter.read(), output[-1].strip())


def is_first_step(line: str) -> bool:
    """Whether a line of the output reports steps, after any prefix of a log."""
    return bool(_FIRST_STEP.search(line))


def _stop(process: "subprocess.Popen[str]") -> None:
    """Let the command cancel its job, as after Ctrl-C."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
        return
    process.kill()
