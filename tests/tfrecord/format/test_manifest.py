"""The manifest: complete, versioned, and consistent with its shards."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from firelib import open_dataset
from firelib.tfrecord.format.fixed_layout import build_fixed_layout, fixed_record_bytes
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Shard, read_manifest
from tests.errors import refused
from tests.tfrecord.samples import datasets
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


def _shard(content: Any) -> Any:
    return content["splits"]["train"]["shards"][0]


def _feature(content: Any) -> Any:
    return content["features"][0]["feature"]


def _claim_rows(content: Any, **more: int) -> None:
    _shard(content).update(rows=10**12, **more)
    content["splits"]["train"]["rows"] = 10**12


def _claim_features(content: Any, count: int) -> None:
    content["features"] = [
        {**content["features"][0], "feature": {**_feature(content), "name": f"f{index}"}} for index in range(count)
    ]


LIES = {
    "rows": (_claim_rows, 10**12),
    "rows beyond 64 bits": (lambda content: _shard(content).update(rows=10**30), "rows"),
    "features": (lambda content: _claim_features(content, 200_000), 20_000),
    "somewhat too many features": (lambda content: _claim_features(content, 20_001), 20_001),
    "shape": (lambda content: _feature(content).update(shape=[10**9, 10**9]), "number"),
    "record": (lambda content: _feature(content).update(shape=[2**29]), 2**31 - 1),
    "sum of shapes": (lambda content: _feature(content).update(shape=[2**28], dtype="float64"), 2**31 - 1),
    "enormous shape": (lambda content: _feature(content).update(shape=[10**90] * 30), "number"),
    "shape of an optional array": (lambda content: _feature(content).update(shape=[2**40], optional=True), "number"),
    "dimensions": (lambda content: _feature(content).update(shape=[1] * 100_000), 100_000),
    "max_length": (lambda content: _feature(content).update(dtype="string", max_length=10**12), "number"),
    "digits": (lambda content: _feature(content).update(range=[0, 10**4000]), "4001 digits"),
    "levels": (lambda content: content.update(quality={"a": _nested(150)}), "100 levels"),
    "surrogate in a name": (lambda content: _feature(content).update(name="a\udfff"), "surrogate"),
    "surrogate in a key": (lambda content: content.update(quality={"\ud800": 1}), "surrogate"),
    "parent folder": (lambda content: _shard(content).update(name=".."), "name"),
    "folder itself": (lambda content: _shard(content).update(name="."), "name"),
    "NUL": (lambda content: _shard(content).update(name="a\0"), "name"),
    "path as a hash": (lambda content: _shard(content).update(xxh128="../../x"), "xxh128"),
    "shard listed twice": (
        lambda content: content["splits"].update(test=content["splits"]["train"]),
        "listed more than once",
    ),
}


def _nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_refused_before_memory_is_allocated(tmp_path: Path, lie: str) -> None:
    write_dataset(tmp_path, 10, 5)
    change, named = LIES[lie]
    _damage(tmp_path, change)
    tracemalloc.start()
    try:
        with refused(what=named, where=tmp_path / MANIFEST_NAME):
            read_manifest(str(tmp_path))
        assert tracemalloc.get_traced_memory()[1] < 10 * (tmp_path / MANIFEST_NAME).stat().st_size + (8 << 20)
    finally:
        tracemalloc.stop()


def test_rows_and_bytes_that_agree_are_compared_with_the_files(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path, 10)
    size = 10**12 * framed_bytes(manifest.record_bytes or 0)
    _damage(tmp_path, lambda content: _claim_rows(content, bytes=size))
    with refused(what=size, where=tmp_path):
        open_dataset(str(tmp_path)).as_tf(8)


@given(datasets(min_rows=0))
def test_the_length_of_a_record_is_known_without_its_template(dataset: tuple) -> None:
    declared, _ = dataset
    assert fixed_record_bytes(declared) == build_fixed_layout(declared).record_bytes


@pytest.mark.parametrize("name", ["a", ".a", "..a", "a.", "a..b", "…"])
def test_names_inside_the_folder_are_accepted(name: str) -> None:
    assert Shard(name=name, rows=0, bytes=0, xxh128="0" * 32).name == name


def test_a_missing_or_truncated_manifest_is_named(tmp_path: Path) -> None:
    with refused(what=tmp_path / MANIFEST_NAME, remedy="dvc dag"):
        read_manifest(str(tmp_path))
    (tmp_path / MANIFEST_NAME).write_text('{"format": 1')
    with refused(what=[tmp_path / MANIFEST_NAME, "JSON"]):
        read_manifest(str(tmp_path))
