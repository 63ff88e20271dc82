"""The whole pipeline with its storage root and DVC's remote in buckets, some of whose requests fail."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest

from tests import buckets
from tests.dvc_pipeline.test_run import Project
from tests.gcs_xml import xml_api
from tests.unreliable import Unreliable, unreliable

pytestmark = pytest.mark.slow

MANIFEST = "data/signs/tfrecords/manifest.json"


@dataclass(frozen=True)
class Server:
    """A store that the stages reach through a proxy.

    Attributes:
        bucket: URI of a bucket.
        proxy: The proxy.
        variable: Environment variable with the address of the store.
        remote: Options of a DVC remote there.
    """

    bucket: str
    proxy: Unreliable
    variable: str
    remote: dict[str, str]

    @property
    def root(self) -> str:
        return f"{self.bucket}/ünï code"


@pytest.fixture(scope="module", params=["s3", "gcs"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "s3":
        with buckets.s3() as uri, unreliable(os.environ["AWS_ENDPOINT_URL"]) as proxy:
            yield Server(uri, proxy, "AWS_ENDPOINT_URL", {})
    else:
        with buckets.gcs() as uri, xml_api(os.environ["STORAGE_EMULATOR_HOST"]) as proxy:
            options = {"endpointurl": proxy.url, "allow_anonymous_login": "true"}
            yield Server(uri, proxy, "STORAGE_EMULATOR_HOST", options)


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has run while 5 % of the requests failed."""
    folder, proxy = tmp_path_factory.mktemp("project"), server.proxy
    variables = {"FIRELIB_STORAGE_ROOT": server.root, server.variable: proxy.url, "FIRELIB_TRACKING": "none"}
    project = Project(folder, **variables)
    proxy.share, proxy.error = 0.05, "SlowDown"
    project.first = project.do("firelib", "run")
    assert proxy.failed > 0
    proxy.share = 0.0
    project.commit()
    return project


def clone(project: Project, folder: Path) -> Project:
    """A fresh clone, which has git's files only."""
    project.do("git", "clone", "-q", str(project.folder), str(folder))
    copy = Project.__new__(Project)
    copy.folder, copy.environment = folder, project.environment
    return copy


def test_shards_are_those_of_a_local_run(project: Project, tmp_path: Path) -> None:
    local = Project(tmp_path)
    local.do("firelib", "run", "transform")
    assert project.executed(project.first) == ["extract", "transform", "train", "evaluate"]
    assert (project.folder / MANIFEST).read_bytes() == (tmp_path / MANIFEST).read_bytes()
    assert (project.folder / "data/signs/lake.json").read_bytes() == (tmp_path / "data/signs/lake.json").read_bytes()
    assert not (project.folder / "storage").exists()


def test_a_fifth_of_failing_requests_changes_no_byte(project: Project, server: Server) -> None:
    root, proxy = server.root, server.proxy
    before = (project.folder / MANIFEST).read_bytes()
    fs, path = fsspec.core.url_to_fs(f"{root}/lake")
    fs.rm(path, recursive=True)
    failed, proxy.share = proxy.failed, 0.2
    project.do("firelib", "run", "--force", "transform")
    proxy.share = 0.0
    assert proxy.failed > failed
    assert (project.folder / MANIFEST).read_bytes() == before
    assert fs.find(fsspec.core.url_to_fs(f"{root}/scratch")[1]) == []
    assert project.do("git", "status", "--porcelain").stdout == ""


def test_a_fresh_clone_pulls_and_has_nothing_to_do(project: Project, server: Server, tmp_path: Path) -> None:
    proxy = server.proxy
    project.do("dvc", "remote", "add", "-d", "bucket", f"{server.bucket}/dvc")
    for name, value in server.remote.items():
        project.do("dvc", "remote", "modify", "bucket", name, value)
    proxy.share = 0.05
    project.do("dvc", "push")
    project.commit()
    copy = clone(project, tmp_path / "clone")
    copy.do("dvc", "pull")
    proxy.share = 0.0
    (copy.folder / "rows.csv").unlink()  # raw data need not be there
    again = copy.do("firelib", "run")
    assert "nothing to do" in again.stderr
    assert copy.do("git", "status", "--porcelain").stdout.split() == ["D", "rows.csv"]
    params = copy.folder / "params.yaml"
    params.write_text(params.read_text().replace("lr: 0.05", "lr: 0.04"))
    assert copy.executed(copy.do("firelib", "run")) == ["train", "evaluate"]


def test_a_fresh_clone_finds_the_finished_run_in_the_bucket(project: Project, tmp_path: Path) -> None:
    copy = clone(project, tmp_path / "clone")
    shutil.rmtree(copy.folder / ".dvc" / "cache", ignore_errors=True)
    done = copy.do("firelib", "run")
    assert "train" in copy.executed(done)
    assert "exists: resuming" in done.stderr
    assert copy.json("models/signs/weights.json") == project.json("models/signs/weights.json")
