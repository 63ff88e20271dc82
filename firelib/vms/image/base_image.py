"""The base image of VMs: Debian's packages in an ext4 file system, with its kernel beside it, cached by its inputs."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import psutil

from firelib.console import note
from firelib.errors import FirelibError
from firelib.storage import lock_file, rename_folder
from firelib.vms.image.download_settings import CA_BUNDLE, DownloadSettings
from firelib.vms.image.seed import SEED_UNIT, SEED_UNIT_NAME
from firelib.vms.run_program import run_program

# What a new machine of a cloud has, and no more: Python, since an emulated CPU needs minutes to install it.
PACKAGES = (
    *("ca-certificates", "dbus", "e2fsprogs", "iproute2", "libpam-systemd", "linux-image-cloud-amd64"),
    *("openssh-server", "python3", "python3-apt", "sudo", "systemd-sysv", "udev"),
)
_DISK = "3G"  # sparse; the VM grows it to disk_gib when it first boots
_FSTAB = "/dev/vda / ext4 defaults,x-systemd.growfs 0 1\n"
_UNITS = (SEED_UNIT_NAME, "systemd-networkd.service")
_UNFINISHED = "unfinished-"
# mmdebstrap mounts /dev, /proc and /sys in the new root. If it is killed, these mounts vanish with their namespace.
_PRIVATE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_FORMAT = 1  # raise it when this module makes another image from the same inputs


def find_image(images: Path, release: str, downloads: DownloadSettings) -> Path:
    """Return the folder of the base image for these inputs; it exists if `build_image` has finished.

    Args:
        images: Folder of all images.
        release: Debian release.
        downloads: How the image, and the VMs later, download packages.
    """
    content = {name: value for name, value in asdict(downloads).items() if name != "left_out"}
    inputs = [_FORMAT, release, PACKAGES, _FSTAB, SEED_UNIT, content]
    return images / f"base-{release}-{hashlib.sha256(json.dumps(inputs, default=repr).encode()).hexdigest()[:12]}"


def build_image(image: Path, release: str, downloads: DownloadSettings) -> None:
    """Build a base image unless it exists, and tell how long each step took; a second caller waits for the first one.

    Args:
        image: Its folder, from `find_image`.
        release: Debian release.
        downloads: How the image, and the VMs later, download packages.

    Raises:
        FirelibError: A program failed.
    """
    image.parent.mkdir(parents=True, exist_ok=True)
    with (image.parent / "lock").open("w") as lock:
        lock_file(lock)
        _remove_unfinished(image.parent)
        if not image.exists():
            _announce(image, downloads)
            with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=image.parent) as scratch:
                _make_image(Path(scratch), release, downloads, lock.fileno())
                rename_folder(Path(scratch, "image"), image)


def _announce(image: Path, downloads: DownloadSettings) -> None:
    note(f"building base image {image}; this takes minutes")
    if downloads.left_out:
        note(f"note: VMs cannot reach these settings of this machine, and do without: {', '.join(downloads.left_out)}")


@contextmanager
def _timed(step: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    note(f"{step}: {time.monotonic() - begun:.0f} s")


def _remove_unfinished(images: Path) -> None:
    for folder in images.glob(f"{_UNFINISHED}*"):
        _refuse_mounts(folder)
        shutil.rmtree(folder)


def _refuse_mounts(folder: Path) -> None:
    """Never remove the files of a mounted /dev or /sys."""
    mounted = [disk.mountpoint for disk in psutil.disk_partitions(all=True) if folder in Path(disk.mountpoint).parents]
    if mounted:
        raise FirelibError(
            f"mounted file systems: {', '.join(mounted)}", where=str(folder), remedy=f"umount --recursive {folder}/root"
        )


def _make_image(scratch: Path, release: str, downloads: DownloadSettings, lock: int) -> None:
    image, root = scratch / "image", scratch / "root"
    scratch.chmod(0o755)  # apt downloads as a user of its own
    image.mkdir(mode=0o700)  # the variables that it contains may hold passwords of proxies and indexes
    _write_inputs(scratch, downloads)
    with _timed("installed Debian's packages"):
        # The lock is held as long as mmdebstrap runs, even if this process is killed.
        run_program(*_PRIVATE, *_debootstrap_command(scratch, root, release), inherit=(lock,))
    with _timed("copied the kernel, and wrote the file system"):
        for pattern, name in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd.img")):
            shutil.copy(next((root / "boot").glob(pattern)), image / name)
        run_program("mke2fs", "-q", "-t", "ext4", "-d", root, image / "root.ext4", _DISK)


def _write_inputs(scratch: Path, downloads: DownloadSettings) -> None:
    files = {
        "sources.list": downloads.sources,
        "99-this-machine": downloads.apt,
        "environment": "".join(f"{name}={value}\n" for name, value in downloads.environment.items()),
        "fstab": _FSTAB,
        SEED_UNIT_NAME: SEED_UNIT,
        CA_BUNDLE.name: downloads.certificates.decode(),
    }
    for name, content in files.items():
        (scratch / name).write_text(content)


def _debootstrap_command(scratch: Path, root: Path, release: str) -> list[str | Path]:
    """The command that makes the root; mmdebstrap keeps the sources that it is given in /etc/apt/sources.list.d."""
    copies = [
        (CA_BUNDLE.name, CA_BUNDLE.parent),
        ("99-this-machine", "/etc/apt/apt.conf.d"),
        ("environment", "/etc"),  # of logins over SSH
        ("fstab", "/etc"),
        (SEED_UNIT_NAME, "/etc/systemd/system"),
    ]
    hooks = [f"copy-in {scratch}/{name} {target}" for name, target in copies if (scratch / name).stat().st_size]
    hooks += [
        'chroot "$1" systemctl disable e2scrub_reap.service',  # for LVM; takes minutes of an emulated CPU
        f'chroot "$1" systemctl enable {" ".join(_UNITS)}',
        'rm -f "$1"/etc/ssh/ssh_host_*',  # every VM gets its own from its seed
        'chroot "$1" passwd --lock root',
    ]
    options = [
        *("--quiet", "--variant=minbase", "--format=directory"),
        "--skip=cleanup/apt/lists",  # else every VM would download the lists again
        f"--aptopt={scratch}/99-this-machine",
        f"--include={','.join(PACKAGES)}",
        *(f"--customize-hook={hook}" for hook in hooks),
    ]
    return ["mmdebstrap", *options, release, root, f"{scratch}/sources.list"]
