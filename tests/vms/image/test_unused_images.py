"""Which base images are removed: those that firelib has built and no VM uses."""

import subprocess
import sys
from pathlib import Path

import psutil

from firelib.vms.image.unused_images import find_used_images, keep_images, remove_unused_images
from tests.patience import patience, wait_until
from tests.vms.clusters import vm_cluster

FIRST, SECOND = "base-bookworm-0123456789ab", "base-bookworm-ba9876543210"
REMOVE = """
import sys; from pathlib import Path; from firelib.vms.image.unused_images import remove_unused_images
print(len(remove_unused_images(Path(sys.argv[1]))))
"""


def make_images(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / "images" / name).mkdir(parents=True)
    return folder / "images"


def link_to_image(folder: Path, vm: str, image: Path) -> None:
    """As if a VM with this name had been created from the image."""
    link = vm_cluster(folder).own_folder / "vms" / vm / "image"
    link.parent.mkdir(parents=True)
    link.symlink_to(image)


def test_images_of_finished_and_unfinished_vms_are_used(tmp_path: Path) -> None:
    images = make_images(tmp_path, FIRST, SECOND)
    link_to_image(tmp_path, "10.20.0.10", images / FIRST)
    link_to_image(tmp_path, ".new-10.20.0.11", images / SECOND)
    assert find_used_images(tmp_path) == {images / FIRST, images / SECOND}


def test_only_unused_images_that_firelib_has_built_are_removed(tmp_path: Path) -> None:
    """With `--folder`, the folder may contain what others call base-…"""
    images = make_images(tmp_path, FIRST, SECOND, "base-theirs")
    link_to_image(tmp_path, "10.20.0.10", images / FIRST)
    assert remove_unused_images(tmp_path) == [images / SECOND]
    assert {path.name for path in images.iterdir()} == {FIRST, "base-theirs", "lock"}
    assert remove_unused_images(tmp_path / "none") == []


def test_an_image_is_used_through_another_spelling_of_its_path(tmp_path: Path) -> None:
    """As when the folder of all VMs is a link to a larger disk."""
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    images = make_images(tmp_path / "disk", FIRST)
    link_to_image(tmp_path / "disk", "10.20.0.10", tmp_path / "link" / "images" / FIRST)
    link_to_image(tmp_path / "disk", "10.20.0.11", images / FIRST)
    assert remove_unused_images(tmp_path / "link") == remove_unused_images(tmp_path / "disk") == []


def test_no_image_is_removed_while_a_vm_is_created_from_it(tmp_path: Path) -> None:
    images = make_images(tmp_path, FIRST)
    command = [sys.executable, "-c", REMOVE, str(tmp_path)]
    with keep_images(images):
        waiting = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
        lock = str(images / "lock")
        wait_until(lambda: lock in [file.path for file in waiting.open_files()], 60, "it waits for the lock")
        link_to_image(tmp_path, "10.20.0.10", images / FIRST)
    assert waiting.communicate(timeout=patience(60))[0] == "0\n"
