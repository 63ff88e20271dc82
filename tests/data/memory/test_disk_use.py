"""The line about what a stage has written to disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from firelib.data.memory.disk_use import report_disk_use
from tests import buckets
from tests.unreliable import unreliable

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_scratch_files_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with report_disk_use(str(tmp_path)):
        (tmp_path / "rows ü.arrow").write_bytes(bytes(3 << 20))
    assert "on disk meanwhile: 3 MiB of scratch files, 0 MiB of objects spilled by Ray" in capsys.readouterr().err


@pytest.fixture
def without_connections() -> Iterator[None]:
    """fsspec keeps file systems with the endpoint that they began with."""
    fsspec.filesystem("s3").clear_instance_cache()
    yield
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.mark.usefixtures("without_connections")
def test_a_stage_does_not_fail_for_want_of_the_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its results are published already."""
    with buckets.s3() as uri, unreliable(os.environ["AWS_ENDPOINT_URL"]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with report_disk_use(f"{uri}/scratch"):
            server.share, server.error = 1.0, "AccessDenied"
        assert server.failed
    assert "on disk" not in capsys.readouterr().err
