"""Jobs for tests."""

from typing import Any

from firelib.launch.job_spec import JobSpec, parse_job


def job(**fields: Any) -> JobSpec:
    """Build a job; fields that a test does not name do not matter to it."""
    return parse_job({"command": ("firelib", "train"), "job_id": "train-1", **fields})
