"""Jobs for tests."""

from typing import Any

from firelib.launch.job_spec import JobSpec


def job(**fields: Any) -> JobSpec:
    """A job whose other fields do not matter."""
    return JobSpec(**{"command": ("firelib", "train"), "job_id": "train-1", **fields})
