"""The manifest: whole, versioned, and in agreement with its shards."""

import json
from pathlib import Path
from typing import Any

import pytest

from firelib.tfrecord.format.manifest import NAME, read_manifest
from tests.errors import refused
from tests.tfrecord.small import write_dataset


def _damage(folder: Path, change: Any) -> None:
    content = json.loads((folder / NAME).read_text())
    change(content)
    (folder / NAME).write_text(json.dumps(content))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = write_dataset(tmp_path, 10, 5)
    assert read_manifest(str(tmp_path)) == written
    assert read_manifest(str(tmp_path / NAME)).sha256 == written.sha256


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with refused(what="tset", where=NAME, remedy="train"):
        write_dataset(tmp_path, 1).split("tset")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: content.pop("splits"), "splits"),
        (lambda content: content.update(format=9), "format"),
        (lambda content: content.update(surprise=1), "surprise"),
        (lambda content: content.update(record_bytes=1), "1 bytes"),
        (lambda content: content["features"][0]["feature"].update(dtype="float99"), "float99"),
        (lambda content: content["splits"]["train"].update(rows=99), "99 rows"),
        (lambda content: content["splits"]["train"]["shards"][0].update(rows=-1), "rows"),
        (lambda content: content["splits"]["train"]["shards"][0].update(name="../x"), "name"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, change: Any, named: str) -> None:
    write_dataset(tmp_path, 10, 5)
    _damage(tmp_path, change)
    with refused(what=named, where=tmp_path / NAME, remedy="firelib transform"):
        read_manifest(str(tmp_path))


def test_one_that_is_missing_or_torn_is_named(tmp_path: Path) -> None:
    with refused(what=tmp_path / NAME, remedy="dvc dag"):
        read_manifest(str(tmp_path))
    (tmp_path / NAME).write_text('{"format": 1')
    with refused(what=[tmp_path / NAME, "JSON"]):
        read_manifest(str(tmp_path))
