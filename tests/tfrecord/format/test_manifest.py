"""The manifest: complete, versioned, and consistent with its shards."""

import json
from pathlib import Path
from typing import Any

import pytest

from firelib.tfrecord.format.manifest import MANIFEST_NAME, read_manifest
from tests.errors import refused
from tests.tfrecord.small import write_dataset


def _damage(folder: Path, change: Any) -> None:
    content = json.loads((folder / MANIFEST_NAME).read_text())
    change(content)
    (folder / MANIFEST_NAME).write_text(json.dumps(content))


def test_a_written_manifest_is_read_back(tmp_path: Path) -> None:
    written = write_dataset(tmp_path, 10, 5)
    assert read_manifest(str(tmp_path)) == written
    assert read_manifest(str(tmp_path / MANIFEST_NAME)).sha256 == written.sha256


def test_the_layout_is_built_once(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path, 10)
    assert manifest.layout is manifest.layout
    assert manifest.layout == read_manifest(str(tmp_path)).layout


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    with refused(what="tset", where=MANIFEST_NAME, remedy="train"):
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
def test_an_invalid_manifest_is_refused(tmp_path: Path, change: Any, named: str) -> None:
    write_dataset(tmp_path, 10, 5)
    _damage(tmp_path, change)
    with refused(what=named, where=tmp_path / MANIFEST_NAME, remedy="firelib transform"):
        read_manifest(str(tmp_path))


def test_a_missing_or_truncated_manifest_is_named(tmp_path: Path) -> None:
    with refused(what=tmp_path / MANIFEST_NAME, remedy="dvc dag"):
        read_manifest(str(tmp_path))
    (tmp_path / MANIFEST_NAME).write_text('{"format": 1')
    with refused(what=[tmp_path / MANIFEST_NAME, "JSON"]):
        read_manifest(str(tmp_path))
