"""Docker's configuration keeps what others wrote."""

import json
import stat
from pathlib import Path

import pytest

from firelib.gcp.vertex.docker_helper import config_file, configure, has_helper, is_configured
from tests.errors import refused

HOST = "europe-west4-docker.pkg.dev"


def test_adds_the_helper_once(tmp_path: Path) -> None:
    file = tmp_path / ".docker" / "config.json"
    assert configure(file, HOST, dry_run=True)
    assert not file.exists()
    assert configure(file, HOST, dry_run=False)
    assert not configure(file, HOST, dry_run=False)
    assert json.loads(file.read_text()) == {"credHelpers": {HOST: "gcloud"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_keeps_logins_and_other_helpers_and_follows_links(tmp_path: Path) -> None:
    real, file = tmp_path / "real.json", tmp_path / "config.json"
    real.write_text(json.dumps({"auths": {"ghcr.io": {}}, "credHelpers": {"gcr.io": "other"}, "psFormat": "x"}))
    file.symlink_to(real)
    configure(file, HOST, dry_run=False)
    assert file.is_symlink()
    assert json.loads(real.read_text()) == {
        "auths": {"ghcr.io": {}},
        "credHelpers": {"gcr.io": "other", HOST: "gcloud"},
        "psFormat": "x",
    }


def test_a_login_counts(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {HOST: {"auth": "secret-value"}}}))
    assert is_configured(file, HOST)


def test_a_broken_file_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{")
    with refused(what="JSON", where=file):
        configure(file, HOST, dry_run=False)
    assert file.read_text() == "{"


@pytest.mark.parametrize(("environ", "expected"), [({}, "home/.docker"), ({"DOCKER_CONFIG": "/etc/d"}, "/etc/d")])
def test_where_the_configuration_is(environ: dict[str, str], expected: str) -> None:
    assert config_file(environ, Path("home")) == Path(expected) / "config.json"


def test_the_program_is_searched(tmp_path: Path) -> None:
    assert not has_helper(str(tmp_path))
    program = tmp_path / "docker-credential-gcloud"
    program.touch(mode=0o755)
    assert has_helper(str(tmp_path))
