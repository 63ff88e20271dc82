import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from firelib.vms.image import base_image
from firelib.vms.image.base_image import build_image, find_image
from firelib.vms.image.download_settings import DownloadSettings
from firelib.vms.preflight import add_system_paths
from firelib.vms.run_program import run_program
from tests.errors import refused

SETTINGS = DownloadSettings("deb http://mirror bookworm main\n", "", {}, b"")


def test_an_image_is_named_by_its_inputs(tmp_path: Path) -> None:
    first = find_image(tmp_path, "bookworm", SETTINGS)
    assert find_image(tmp_path, "bookworm", replace(SETTINGS)) == first
    assert find_image(tmp_path, "bookworm", replace(SETTINGS, left_out=("x",))) == first  # it is not in the image
    changes = [{"apt": "x"}, {"certificates": b"x"}, {"environment": {"a": "b"}}]
    others = [replace(SETTINGS, **change) for change in changes]
    assert len({first, *(find_image(tmp_path, "bookworm", other) for other in others)}) == 4


def test_a_failed_build_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_image, "run_program", lambda *command, **options: run_program("false"))
    image = find_image(tmp_path, "bookworm", SETTINGS)
    with refused(["false", 1], where="false"):
        build_image(image, "bookworm", SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_what_a_killed_build_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_image, "run_program", lambda *command, **options: run_program("false"))
    (tmp_path / "unfinished-x" / "root").mkdir(parents=True)
    with refused("false"):
        build_image(find_image(tmp_path, "bookworm", SETTINGS), "bookworm", SETTINGS)
    assert not (tmp_path / "unfinished-x").exists()


# Stands for mmdebstrap, which downloads for minutes: makes a root with a kernel only.
MMDEBSTRAP = """#!/bin/sh
shift $(($# - 2))
mkdir -p "$1/boot"
touch "$1/boot/vmlinuz-6" "$1/boot/initrd.img-6"
"""


def test_a_build_tells_its_steps_and_what_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_system_paths()
    if os.geteuid() != 0 or not shutil.which("mke2fs"):
        pytest.skip("needs root and e2fsprogs")
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(MMDEBSTRAP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    settings = replace(SETTINGS, left_out=("PIP_INDEX_URL=file:///srv/pypi",))
    image = find_image(tmp_path / "images", "bookworm", settings)
    build_image(image, "bookworm", settings)
    begun, left_out, *steps = capsys.readouterr().err.splitlines()
    assert str(image) in begun
    assert "PIP_INDEX_URL=file:///srv/pypi" in left_out
    assert len(steps) == 2
    assert all(re.search(r": \d+ s$", step) for step in steps)
    assert sorted(path.name for path in image.iterdir()) == ["initrd.img", "root.ext4", "vmlinuz"]
    build_image(image, "bookworm", settings)
    assert capsys.readouterr().err == ""
