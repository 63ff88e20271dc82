"""Errors of object stores are explained, soon, wherever they arise."""

import os
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from firelib import storage
from firelib.check.configuration import check_configuration
from firelib.check.surroundings import check_surroundings
from firelib.data.delta_tables import Part, append_part, open_table
from firelib.data.sources.bucket import read_object_state
from firelib.data.sources.listing import list_files
from firelib.doctor.resources import check_storage
from firelib.errors import UnreachableError
from firelib.recipe import Source
from firelib.storage import BucketError
from firelib.storage.error_kinds import ErrorKind
from tests import buckets
from tests.errors import refused
from tests.patience import patience
from tests.project import ROOT
from tests.unreliable import Unreliable, unreliable


@pytest.mark.parametrize(
    ("uri", "what", "remedy"),
    [
        ("s3://b/a", "bucket 'b'", "AWS_ENDPOINT_URL"),
        ("gcs://b/a", "bucket 'b'", "STORAGE_EMULATOR_HOST"),
        ("https://example.org/a", "web server 'example.org'", "the address"),
        ("az://b/a", "bucket 'b'", "the address"),
    ],
)
def test_remedies_are_those_of_the_store(uri: str, what: str, remedy: str) -> None:
    with refused(what=what, where=uri, remedy=remedy, kind=UnreachableError), storage.explain_storage(uri):
        raise ConnectionRefusedError("no answer")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Unreliable]]:
    """A bucket in S3, and the proxy that all requests to it pass."""
    with buckets.s3() as uri, unreliable(os.environ["AWS_ENDPOINT_URL"]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        _forget_connections()
        yield uri, server
    _forget_connections()


def _forget_connections() -> None:
    """fsspec keeps file systems with the endpoint and the credentials that they began with."""
    fsspec.filesystem("s3").clear_instance_cache()


def _use(uri: str) -> None:
    """Write and read through fsspec."""
    storage.write_bytes(f"{uri}/a", b"1")
    storage.read_bytes(f"{uri}/a")


def _use_delta(uri: str) -> None:
    append_part(f"{uri}/table", Part({}, pa.table({"a": [1]})), 0)


def _use_source(uri: str) -> None:
    """Fetch a source."""
    read_object_state(f"{uri}/rows.csv")


USES = [_use, _use_delta, storage.probe_storage, lambda uri: open_table(f"{uri}/table")]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["s3", "gcs"])
def test_missing_bucket(store: str) -> None:
    with getattr(buckets, store)() as uri:
        missing = f"{uri}-missing"
        for use in USES[: 4 if store == "s3" else 1]:  # Delta's library would ask Google itself
            with refused(
                what=missing.partition("://")[2], where=missing, remedy="storage.root", kind=BucketError
            ) as caught:
                use(missing)
            assert caught.value.kind is ErrorKind.MISSING_BUCKET
        assert not storage.exists(f"{missing}/a")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "kind", "remedy"),
    [
        ("AccessDenied", ErrorKind.DENIED, "s3:PutObject"),
        ("RequestTimeTooSkewed", ErrorKind.CLOCK, "timedatectl"),
    ],
)
def test_rights_and_clock(proxy: tuple[str, Unreliable], code: str, kind: ErrorKind, remedy: str) -> None:
    uri, server = proxy
    server.share, server.error = 1.0, code
    for use in USES:
        with refused(where=uri, remedy=remedy, kind=BucketError) as caught:
            use(uri)
        assert caught.value.kind is kind
        assert "\x1b" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).kind is kind


@pytest.mark.slow
def test_no_credentials(proxy: tuple[str, Unreliable], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uri, _ = proxy
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    _forget_connections()
    for use in (_use, storage.probe_storage, _use_delta, _use_source, lambda uri: list_files(Source(f"{uri}/"))):
        with refused(where=uri, remedy="AWS_ACCESS_KEY_ID", kind=BucketError) as caught:
            use(uri)
        assert caught.value.kind is ErrorKind.CREDENTIALS
    finding = check_storage(uri, tmp_path)
    assert (finding.status, "AWS_PROFILE" in str(finding.remedy)) == ("error", True)
    params = tmp_path / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text())
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", uri)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    configuration, problems = check_configuration(params)
    assert problems == []
    findings = [found for found in check_surroundings(configuration, tmp_path, None) if uri in found.what]
    assert [found.severity for found in findings] == ["error"]
    assert "AWS_ACCESS_KEY_ID" in findings[0].remedy


@pytest.mark.slow
def test_store_that_does_not_answer(proxy: tuple[str, Unreliable]) -> None:
    uri, server = proxy
    server.share, server.error = 1.0, "drop"
    begun = time.monotonic()
    with refused(where=uri, remedy="network", kind=UnreachableError):
        storage.probe_storage(uri, seconds=3)
    assert time.monotonic() - begun < patience(20)
    assert check_storage(uri, Path()).status == "error"


@pytest.mark.slow
def test_bucket_that_can_be_used(proxy: tuple[str, Unreliable]) -> None:
    uri, _ = proxy
    storage.probe_storage(storage.join(uri, "ünï code", "with spaces"))
    fs, path = storage.filesystem(uri)
    assert fs.find(path) == []
    assert check_storage(uri, Path()).status == "ok"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "error"), [(0.05, "SlowDown"), (0.2, "SlowDown"), (0.2, "InternalError"), (0.2, "drop")]
)
def test_some_failing_requests_change_nothing(proxy: tuple[str, Unreliable], share: float, error: str) -> None:
    uri, server = proxy
    server.share, server.error = share, error
    for index in range(20):
        storage.write_bytes(f"{uri}/ünï code {index}", bytes([index]) * 1000)
    for version in range(3):
        append_part(f"{uri}/table", Part({}, pa.table({"a": [version]})), version)
    assert storage.read_bytes(f"{uri}/ünï code 7") == bytes([7]) * 1000
    ranges = [(f"{uri}/ünï code {index}", 10, 20) for index in range(20)]
    assert storage.read_ranges(ranges) == [bytes([index]) * 10 for index in range(20)]
    assert len(storage.sizes(uri, [])) == 20
    table = open_table(f"{uri}/table")
    assert table is not None
    assert sorted(table.to_pyarrow_table()["a"].to_pylist()) == [0, 1, 2]
    assert server.failed > 0
    server.share = 0.0
    storage.remove_folder(f"{uri}/table")
    assert not storage.exists(f"{uri}/table")


@pytest.mark.slow
def test_a_store_that_recovers_is_waited_for(proxy: tuple[str, Unreliable]) -> None:
    uri, server = proxy
    for use in (_use, _use_delta, lambda uri: open_table(f"{uri}/table")):
        server.share = 1.0
        recovery = threading.Timer(4, setattr, (server, "share", 0.0))
        recovery.start()
        use(uri)
        recovery.join()
    assert server.failed > 0
    table = open_table(f"{uri}/table")
    assert table is not None
    assert table.version() == 0


@pytest.mark.slow
def test_a_lost_answer_does_not_hide_the_own_file(proxy: tuple[str, Unreliable]) -> None:
    uri, server = proxy
    server.share, server.error, server.after = 0.5, "drop", True
    for index in range(10):
        assert storage.create_bytes(f"{uri}/mark-{index}", b"mine")
    assert server.failed > 0
    server.share = 0.0
    assert not storage.create_bytes(f"{uri}/mark-0", b"of another")
    assert storage.read_bytes(f"{uri}/mark-0") == b"mine"
