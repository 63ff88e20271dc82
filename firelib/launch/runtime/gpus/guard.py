"""Refuse to run a stage on a replica that has fewer GPUs than the job has requested.

Without this check, TensorFlow and Ray would compute on the CPU and say so in a warning only, at the price of the GPUs.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.job_environment import EXPECTED_GPUS
from firelib.launch.runtime.gpus.evidence import DRIVER_FOLDER, GpuEvidence, explain_missing_gpus

_PROBE = (sys.executable, "-m", "firelib.launch.runtime.gpus.probe")
_PROBE_SECONDS = 300.0
_DEVICE = re.compile(r"nvidia\d+")


def require_gpus(environ: Mapping[str, str], collect: Callable[[Mapping[str, str]], GpuEvidence] | None = None) -> None:
    """Check that TensorFlow sees all GPUs that the job has requested for each replica.

    Args:
        environ: The variables of this process; without `FIRELIB_EXPECTED_GPUS`, nothing is checked.
        collect: Collects what this machine has.

    Raises:
        FirelibError: GPUs are missing; the error names all reasons.
    """
    expected = int(environ.get(EXPECTED_GPUS) or 0)
    if not expected:
        return
    found = (collect or collect_evidence)(environ)
    reasons = explain_missing_gpus(expected, found)
    if reasons:
        raise FirelibError(
            "\n".join(reason.what for reason in reasons),
            where=f"{socket.gethostname()}, which should have GPUs: {expected}",
            remedy="; ".join(dict.fromkeys(reason.remedy for reason in reasons)) + "; or submit without --gpu, on CPUs",
        )
    note(f"TensorFlow sees {found.visible} of {expected} GPUs")


def add_driver_folder(environ: MutableMapping[str, str], folder: Path = Path(DRIVER_FOLDER)) -> None:
    """Add the folder in which Vertex AI and GKE mount NVIDIA's driver to the search paths of child processes.

    Args:
        environ: The variables of this process.
        folder: The folder; nothing changes if it does not exist.
    """
    for variable, part in (("LD_LIBRARY_PATH", folder / "lib64"), ("PATH", folder / "bin")):
        known = environ.get(variable, "").split(os.pathsep)
        if part.is_dir() and str(part) not in known:
            environ[variable] = os.pathsep.join(filter(None, [*known, str(part)]))


def collect_evidence(
    environ: Mapping[str, str], devices: Path = Path("/dev"), probe: tuple[str, ...] = _PROBE
) -> GpuEvidence:
    """Collect what this machine and this image have.

    Args:
        environ: The variables of this process.
        devices: The folder of device files.
        probe: The command that lists what TensorFlow sees.
    """
    files = tuple(sorted(str(file) for file in devices.glob("nvidia*") if _DEVICE.fullmatch(file.name)))
    return GpuEvidence(
        devices=files,
        library_path=environ.get("LD_LIBRARY_PATH", ""),
        hidden_by=environ.get("CUDA_VISIBLE_DEVICES"),
        **_run_probe(environ, probe),
    )


def _run_probe(environ: Mapping[str, str], command: tuple[str, ...]) -> dict[str, Any]:
    """Return what the probe has printed: the other fields of `GpuEvidence`."""
    try:
        done = subprocess.run(  # noqa: S603  our own program
            command, env=dict(environ), capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
        found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {_PROBE_SECONDS:g} s"}
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        return {"error": f"exit code {done.returncode}: {last}"}
    return found
