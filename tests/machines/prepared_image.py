"""A base image that already contains the Python environment: an emulated CPU would need an hour to install it.

The environment is the lock's, installed on this machine by the command of the role `python_env` at the path that it
has on hosts, in a mount namespace of its own. The role finds it complete and says so.
"""

import shutil
import subprocess
from pathlib import Path

import yaml

from firelib.ray_setup.qemu import Qemu
from firelib.vms.image.base_image import build_image, find_image
from firelib.vms.image.download_settings import read_download_settings
from firelib.vms.run_program import run_program
from tests.project import ROOT

FOLDER = "/opt/firelib"
_DISK = "10G"  # sparse
_INSTALL = f"""
set -e
mount -t tmpfs tmpfs /opt && mkdir {FOLDER} && mount --bind "$1" {FOLDER} && mkdir -p {FOLDER}/lock
cp pyproject.toml uv.lock {FOLDER}/lock && cd {FOLDER}/lock && shift
UV_PROJECT_ENVIRONMENT={FOLDER}/venv exec "$@"
"""
_COPY = """
set -e
mount -o loop "$1" "$2"
mkdir -p "$2"/opt && cp --archive "$3" "$2"/opt/firelib && chown --recursive root: "$2"/opt/firelib
umount "$2"
"""


def prepare_image(images: Path, scratch: Path) -> None:
    """Build the base image of the VMs in `images`, with the environment.

    Args:
        images: Folder of the base images.
        scratch: Folder for the environment, which is in the image afterwards.
    """
    release = Qemu().release
    downloads = read_download_settings(release)
    image = find_image(images, release, downloads)
    lock, copy = ROOT / "uv.lock", image / "uv.lock"
    if copy.exists() and copy.read_bytes() == lock.read_bytes():
        return
    for old in (images / "new", image):
        shutil.rmtree(old, ignore_errors=True)
    build_image(images / "new", release, downloads)
    _install_environment(scratch / "environment")
    disk = images / "new" / "root.ext4"
    run_program("truncate", "--size", _DISK, disk)
    run_program("resize2fs", disk)
    (scratch / "mount").mkdir()
    _run_private(_COPY, disk, scratch / "mount", scratch / "environment")
    shutil.rmtree(scratch / "environment")
    shutil.copy(lock, images / "new" / "uv.lock")
    (images / "new").rename(image)


def _install_environment(target: Path) -> None:
    target.mkdir()
    extras = yaml.safe_load((ROOT / "ansible/roles/python_env/defaults/main.yml").read_text())["python_env_extras"]
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    command = [uv, "sync", "--quiet", "--frozen", "--no-install-project", "--no-dev", "--python", "/usr/bin/python3.11"]
    _run_private(_INSTALL, target, *command, *(f"--extra={extra}" for extra in extras), "--compile-bytecode")


def _run_private(script: str, *arguments: str | Path) -> None:
    """Run a shell script whose mounts nobody else sees, and which vanish with it."""
    subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *arguments], cwd=ROOT, check=True)
