"""The GPUs of this machine, as the guard of a job's replicas sees them. Without one, these tests are skipped."""

import os

import pytest

from firelib.launch.runtime.gpus.evidence import explain_missing_gpus
from firelib.launch.runtime.gpus.guard import add_driver_folder, collect_evidence


@pytest.fixture(scope="session")
def gpus() -> int:
    """Number of GPUs that TensorFlow sees."""
    add_driver_folder(os.environ)
    evidence = collect_evidence(os.environ)
    reasons = explain_missing_gpus(1, evidence)
    if reasons:
        pytest.skip("no GPU: " + "; ".join(f"{reason.what} ({reason.remedy})" for reason in reasons))
    return evidence.visible
