"""The driver's packages from Debian's real archive, and their module built for the kernel of the VMs.

Here ends what is possible without a GPU: the module is not loaded. Building takes minutes; a root file system suffices.
"""

import subprocess
from pathlib import Path

import pytest

from firelib.gcp.nvidia_driver import choose_driver, kernel_packages
from firelib.vms.image.download_settings import read_download_settings
from firelib.vms.preflight import PROGRAMS, add_system_paths
from tests import engine
from tests.project import ROOT

pytestmark = [pytest.mark.machines, pytest.mark.slow]

RELEASE = "bookworm"
T4 = 0x1EB8
_PRIVATE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian with the kernel of cloud machines, its headers, and the driver of the role `gpu`."""
    tmp_path = tmp_path_factory.mktemp("debian")
    add_system_paths()
    engine.install(PROGRAMS)
    packages = (*choose_driver([T4], "Debian", "12").packages, *kernel_packages("6.1.0-1-cloud-amd64"))
    downloads = read_download_settings(RELEASE)
    sources = downloads.sources.replace(" main", " main contrib non-free non-free-firmware")
    (tmp_path / "sources.list").write_text(sources)
    (tmp_path / "apt.conf").write_text(downloads.apt)
    tmp_path.chmod(0o755)  # apt downloads as a user of its own
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    command += [f"--aptopt={tmp_path}/apt.conf", RELEASE, f"{tmp_path}/root", f"{tmp_path}/sources.list"]
    subprocess.run([*_PRIVATE, *command], cwd=ROOT, check=True)
    return tmp_path / "root"


def test_the_module_is_built_for_the_kernel_of_the_archive(root: Path) -> None:
    kernel = next((root / "lib" / "modules").iterdir()).name
    assert inside(root, "modinfo", "-k", kernel, "--field", "vermagic", "nvidia-current").split()[0] == kernel


def test_nvidia_smi_says_that_no_driver_answers(root: Path) -> None:
    done = subprocess.run(["chroot", root, "nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "NVIDIA driver" in done.stdout


def inside(root: Path, *command: str) -> str:
    return subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=True).stdout
