"""A measurement in a fresh process, which ends with everything that it started."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from benchmarks.input.job import Job
from benchmarks.peers.environment import ROOT
from firelib.console import note

T = TypeVar("T")

_LIMIT_SECONDS = 600
_MOST_CHARACTERS = 500  # of an error


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


def with_second_attempt(run: Callable[[], T]) -> T:
    """Run something, and once again if it fails: a start of Ray may time out, and would end the whole benchmark.

    Raises:
        RuntimeError: It failed twice.
    """
    try:
        return run()
    except RuntimeError as error:
        note(f"measured again: {error}")
        return run()


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
            raise RuntimeError(f"{module} {arguments[0]} failed: {_error(errors.read())}")
    return output


def _error(output: str) -> str:
    """The last error in the output, which Python prints after the traceback; the end of the output if there is none."""
    starts = [match.start() for match in re.finditer(r"^[\w.]+(Error|Exception|Exit)\b", output, re.MULTILINE)]
    return " ".join(output[starts[-1] if starts else -_MOST_CHARACTERS :].split())[:_MOST_CHARACTERS]


def _end(process: "subprocess.Popen[str]") -> None:
    """End a process that is still running, with its descendants."""
    if process.poll() is not None:
        return
    tree = psutil.Process(process.pid)
    for each in [*tree.children(recursive=True), tree]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
