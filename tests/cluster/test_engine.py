"""The engine that the other tests stand on."""

import subprocess
from pathlib import Path

import pytest

from tests import engine as engines
from tests.engine import CommandFailedError, Engine, EngineMissingError

pytestmark = pytest.mark.containers


def test_containers_have_fixed_addresses_and_reach_packages(engine: Engine):
    image = engine.base_image()
    with engine.network("fltest0", "172.30.9.0/24") as network:
        where = ("--network", network, "--ip", "172.30.9.7")
        said = engine.docker("run", "--rm", *where, image, "sh", "-c", "cat /etc/hosts; apt-get update && echo reached")
    assert "172.30.9.7" in said
    assert said.endswith("reached\n")
    rules = engines.run("iptables", "--wait", "-S") + engines.run("iptables", "--wait", "-t", "nat", "-S")
    assert "fltest0" not in rules


def test_failure_says_what_the_command_said(engine: Engine):
    with pytest.raises(CommandFailedError, match=r"no-such-image(.|\n)*exit code 1"):
        engine.docker("image", "inspect", "no-such-image")


def test_nothing_is_left():
    with engines.engine() as own:
        own.docker("run", "--detach", own.base_image(), "sleep", "1000")
        pid = int(Path(own.folder, "dockerd.pid").read_text())
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert not own.folder.exists()
    assert str(own.folder) not in Path("/proc/mounts").read_text()
    assert str(own.folder) not in subprocess.run(["ps", "-ef"], capture_output=True, text=True, check=True).stdout


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines.os, "geteuid", lambda: 1000)
    with pytest.raises(EngineMissingError, match="apt-get install no-such-package"):
        engines.install({"no-such-program": "no-such-package"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a disk that counts as large enough: these tests keep a few bytes."""
    monkeypatch.setenv("TESTS_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "IMAGE_SPACE_BYTES", 0)
    return tmp_path


@pytest.mark.usefixtures("cache")
def test_images_stay_for_the_next_run_and_containers_do_not():
    for attempt in range(2):
        with engines.engine() as own:
            assert own.docker("ps", "--all", "--quiet") == ""
            assert bool(own.docker("images", "--quiet", "kept")) == bool(attempt)
            (own.folder / "file").write_text("a layer")
            subprocess.run(["tar", "-C", own.folder, "-cf", own.folder / "layer.tar", "file"], check=True)
            own.docker("import", str(own.folder / "layer.tar"), "kept")
            own.docker("create", "kept", "none")


def test_a_second_engine_leaves_the_kept_images_alone(cache: Path):
    with engines.engine() as one, engines.engine() as other:
        roots = [each.docker("info", "--format", "{{.DockerRootDir}}").strip() for each in (one, other)]
    assert roots == [str(cache / "firelib-tests" / "engine"), str(other.folder / "data")]


@pytest.mark.usefixtures("cache")
def test_a_full_disk_keeps_no_images(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "IMAGE_SPACE_BYTES", 2**60)
    with engines.engine() as own:
        root = own.docker("info", "--format", "{{.DockerRootDir}}").strip()
    assert root == str(own.folder / "data")
