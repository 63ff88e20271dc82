"""Why a replica has fewer GPUs than the job has requested: every reason, with its remedy."""

from dataclasses import replace

import pytest

from firelib.launch.runtime.gpus.evidence import GpuEvidence, explain_missing_gpus

TWO = GpuEvidence(("/dev/nvidia0", "/dev/nvidia1"), visible=2, has_driver_library=True, has_cuda=True)
NONE = GpuEvidence(has_cuda=True)


@pytest.mark.parametrize(("expected", "found"), [(2, TWO), (1, TWO), (0, NONE)])
def test_enough_gpus(expected, found):
    assert explain_missing_gpus(expected, found) == []


@pytest.mark.parametrize(
    ("found", "what", "remedy"),
    [
        (NONE, "no device: the machine has no /dev/nvidia0, expected 2 GPUs", "--dry-run"),
        (
            replace(TWO, visible=0, has_driver_library=False, library_path="/usr/lib"),
            "the driver library libcuda.so.1 was not found: LD_LIBRARY_PATH=/usr/lib",
            "/usr/local/nvidia/lib64",
        ),
        (replace(TWO, visible=0, has_cuda=False), "the image has no CUDA", "COMPONENTS=trainer-gpu"),
        (replace(TWO, visible=1), "TensorFlow sees 1 of 2 GPUs", "nvidia-smi"),
        (replace(TWO, visible=1, hidden_by="0"), "CUDA_VISIBLE_DEVICES=0 hides GPUs", "remove CUDA_VISIBLE_DEVICES"),
        (
            replace(TWO, visible=1, devices=("/dev/nvidia0",)),
            "the machine has 1 GPU (/dev/nvidia0), expected 2",
            "--gpu KIND:COUNT",
        ),
        (replace(TWO, visible=0, error="ImportError: libx"), "ImportError: libx", "self-check"),
    ],
)
def test_each_reason_has_its_remedy(found, what, remedy):
    [reason] = explain_missing_gpus(2, found)
    assert what in reason.what
    assert remedy in reason.remedy


def test_all_reasons_are_reported_at_once():
    reasons = explain_missing_gpus(2, GpuEvidence(error="No module named 'tensorflow'"))
    assert [reason.what.split(":")[0] for reason in reasons] == [
        "the image has no CUDA, so TensorFlow would compute on the CPU",
        "no device",
        "TensorFlow cannot list the GPUs",
    ]
