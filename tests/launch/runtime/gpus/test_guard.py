"""A replica without its GPUs refuses to run the stage. The real probe runs in the last test, which needs TensorFlow."""

import sys

import pytest

from firelib.launch.runtime.gpus.evidence import GpuEvidence
from firelib.launch.runtime.gpus.guard import add_driver_folder, collect_evidence, require_gpus
from tests.errors import refused

ANSWER = 'print("a warning"); print(\'{"visible": 1, "has_driver_library": true, "has_cuda": true, "error": ""}\')'


def found(**fields):
    return lambda _: GpuEvidence(**fields)


@pytest.mark.parametrize("environ", [{}, {"FIRELIB_EXPECTED_GPUS": ""}, {"FIRELIB_EXPECTED_GPUS": "0"}])
def test_jobs_without_gpus_are_not_checked(environ):
    require_gpus(environ, lambda _: pytest.fail("nothing to check"))


def test_all_gpus_are_there(capsys):
    require_gpus({"FIRELIB_EXPECTED_GPUS": "2"}, found(devices=("/dev/nvidia0", "/dev/nvidia1"), visible=2))
    assert "2 of 2 GPUs" in capsys.readouterr().err


def test_a_cpu_image_on_a_machine_with_gpus_is_refused():
    given = found(devices=("/dev/nvidia0",), has_driver_library=True)
    with refused(what="the image has no CUDA", where="GPUs: 1", remedy="make images COMPONENTS=trainer"):
        require_gpus({"FIRELIB_EXPECTED_GPUS": "1"}, given)


def test_a_machine_without_gpus_is_refused():
    with refused(what=["no CUDA", "no device"], remedy=["COMPONENTS=trainer-gpu", "--dry-run", "on CPUs"]):
        require_gpus({"FIRELIB_EXPECTED_GPUS": "1"}, found())


def test_device_files_are_counted_without_their_helpers(tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    environ = {"LD_LIBRARY_PATH": "/lib", "CUDA_VISIBLE_DEVICES": "0"}
    evidence = collect_evidence(environ, tmp_path, (sys.executable, "-c", ANSWER))
    assert evidence == GpuEvidence(
        devices=(f"{tmp_path}/nvidia0", f"{tmp_path}/nvidia1"),
        visible=1,
        has_driver_library=True,
        has_cuda=True,
        library_path="/lib",
        hidden_by="0",
    )


def test_a_probe_that_crashes_is_a_finding(tmp_path):
    probe = (sys.executable, "-c", "import sys; sys.exit('symbol lookup error')")
    evidence = collect_evidence({}, tmp_path, probe)
    assert (evidence.visible, evidence.error) == (0, "exit code 1: symbol lookup error")


def test_the_mounted_driver_is_added_once(tmp_path):
    for name in ("lib64", "bin"):
        (tmp_path / name).mkdir()
    environ = {"PATH": "/usr/bin"}
    for _ in range(2):
        add_driver_folder(environ, tmp_path)
    assert environ == {"PATH": f"/usr/bin:{tmp_path}/bin", "LD_LIBRARY_PATH": f"{tmp_path}/lib64"}


def test_without_a_mounted_driver_nothing_changes(tmp_path):
    environ = {"PATH": "/usr/bin"}
    add_driver_folder(environ, tmp_path / "none")
    assert environ == {"PATH": "/usr/bin"}


@pytest.mark.integration
def test_tensorflow_itself_is_asked(tmp_path):
    """Without device files, TensorFlow sees no GPU: the guard refuses, whatever this machine has."""
    environ = {"PATH": "/usr/bin", "CUDA_VISIBLE_DEVICES": "-1", "FIRELIB_EXPECTED_GPUS": "1"}
    evidence = collect_evidence(environ, tmp_path)
    assert (evidence.visible, evidence.error, evidence.devices) == (0, "", ())
    with refused(what="no device"):
        require_gpus(environ, lambda _: evidence)
