"""Remove base images that no VM uses."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.storage import lock_file

_NAME = re.compile(r"base-[a-z]+-[0-9a-f]{12}")  # of an image that firelib has built


@contextmanager
def keep_images(images: Path, shared: bool = True) -> Iterator[None]:
    """Keep other commands from removing or building base images during the block.

    Args:
        images: Folder of all images.
        shared: Whether others may use the images at the same time.
    """
    with (images / "lock").open("a") as lock:
        lock_file(lock, shared=shared)
        yield


def remove_unused_images(folder: Path) -> list[Path]:
    """Remove base images that no VM uses, and return them.

    Args:
        folder: Folder of all VMs of this machine, which contains that of the images.
    """
    images = folder / "images"
    if not images.exists():
        return []
    with keep_images(images, shared=False):
        used = find_used_images(folder)
        built = sorted(path for path in images.iterdir() if _NAME.fullmatch(path.name))
        unused = [image for image in built if image.resolve() not in used]
        for image in unused:
            shutil.rmtree(image)
    return unused


def find_used_images(folder: Path) -> set[Path]:
    """The base images that a VM of this machine uses, without links in their paths.

    Args:
        folder: Folder of all VMs.
    """
    return {link.resolve() for link in folder.glob("clusters/*/vms/*/image")}
