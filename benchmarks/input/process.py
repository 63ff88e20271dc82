"""A measurement in a fresh process, which ends with everything that it started."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.input.environment import ROOT
from benchmarks.input.job import Job

_LIMIT_SECONDS = 600


def measure(
    python: Path,
    job: Job,
    name: str,
    arguments: Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    cores: Sequence[int] = (),
) -> dict[str, Any]:
    """Run a measurement of `benchmarks.input.consume`, with an empty cache.

    Args:
        python: Python of the loader's environment.
        job: The loader's input; its cache is replaced.
        name: The measure.
        arguments: The arguments of the measure.
        variables: Additional environment variables.
        cores: The cores that it may use; empty for all.

    Returns:
        What the measure returned.

    Raises:
        RuntimeError: The process failed, or took longer than ten minutes.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        job = replace(job, cache=str(Path(cache, "copies")))
        words = [job.to_json(), name, json.dumps(arguments), *map(str, cores)]
        environment = {**(variables or {}), "FIRELIB_CACHE": job.cache, "CUDA_VISIBLE_DEVICES": ""}
        output = run_module(python, "benchmarks.input.consume", words, environment)
    return dict(json.loads(output.splitlines()[-1]))


def run_module(python: Path, module: str, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run `python -m module arguments` from the root of the project; return its output.

    Args:
        python: The Python.
        module: The module.
        arguments: Its arguments.
        variables: Additional environment variables.

    Raises:
        RuntimeError: The process failed, or took longer than ten minutes.
    """
    command = [str(python), "-m", module, *arguments]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(  # noqa: S603  our own modules
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env={**os.environ, **(variables or {})}
        )
        try:
            output, _ = process.communicate(timeout=_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{module} {arguments[0]} did not end within {_LIMIT_SECONDS} s") from None
        finally:
            _end(process)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{module} {arguments[0]} failed: {_last_lines(errors.read())}")
    return output


def _last_lines(errors: str) -> str:
    """The error itself, which Python prints after the traceback."""
    return " ".join(errors.strip().splitlines()[-2:]).strip()[-500:]


def _end(process: "subprocess.Popen[str]") -> None:
    """End a process that is still running, with its descendants."""
    if process.poll() is not None:
        return
    tree = psutil.Process(process.pid)
    for each in [*tree.children(recursive=True), tree]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
