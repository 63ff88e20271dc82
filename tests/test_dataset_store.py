"""Datasets under the hash of their manifest, for stages that run on other machines."""

from pathlib import Path

import fsspec
import pytest

from firelib import storage
from firelib.dataset_store import dataset_uri, new_dataset
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, Split
from firelib.tfrecord.read.dataset import open_dataset
from firelib.tfrecord.write.shard_writer import choose_layout, write_shard
from tests.tfrecord.small import FEATURES, LABEL, columns, write_dataset


def fill(uri: str, rows: int = 30, name: str = "train-0.tfrecord") -> Manifest:
    """Write one shard and a manifest into a local or remote folder."""
    layout = choose_layout([*FEATURES, LABEL])
    shard = write_shard(storage.join(uri, name), columns(rows), layout)
    manifest = Manifest(
        recipe="small",
        features=tuple(FittedFeature(feature) for feature in FEATURES),
        label=LABEL,
        key=("count",),
        record_bytes=layout.record_bytes,
        splits={"train": Split(rows=rows, shards=(shard,))},
        tables={},
        quality={},
    )
    storage.write_bytes(storage.join(uri, MANIFEST_NAME), manifest.to_json())
    return manifest


@pytest.fixture(params=["folder", "bucket"])
def paths(request, tmp_path):
    root = str(tmp_path / "root") if request.param == "folder" else f"memory://{tmp_path.name}/root"
    yield Paths("small", root, tmp_path / "project", elsewhere=True)
    fsspec.filesystem("memory").store.clear()


def stored(paths: Paths) -> list[str]:
    fs, folder = storage.filesystem(paths.datasets)
    return sorted(fs.find(folder)) if fs.exists(folder) else []


def test_shards_go_to_the_store_and_the_manifest_to_the_project(paths):
    with new_dataset(paths) as folder:
        manifest = fill(folder)
    assert [path.name for path in paths.tfrecords.iterdir()] == [MANIFEST_NAME]
    uri = dataset_uri(paths)
    assert manifest.sha256 in uri
    assert uri.startswith(paths.root)
    assert [Path(name).name for name in stored(paths)] == [MANIFEST_NAME, "train-0.tfrecord"]


def test_writing_the_same_dataset_again_changes_nothing(paths):
    for _ in range(2):
        with new_dataset(paths) as folder:
            fill(folder)
    assert len(stored(paths)) == 2


def test_a_second_dataset_does_not_replace_the_first(paths):
    for rows in (30, 40):
        with new_dataset(paths) as folder:
            fill(folder, rows)
    assert len(stored(paths)) == 4


def test_a_failed_write_leaves_nothing(paths):
    def interrupted() -> None:
        with new_dataset(paths) as folder:
            fill(folder)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert stored(paths) == []
    assert not paths.manifest.exists()


def test_a_local_stage_writes_shards_beside_the_manifest(tmp_path):
    paths = Paths("small", str(tmp_path / "root"), tmp_path)
    with new_dataset(paths) as folder:
        write_dataset(Path(folder), 20, 20)
    assert dataset_uri(paths) == str(paths.manifest)
    assert len(open_dataset(dataset_uri(paths)).as_numpy("train")["label"]) == 40
    assert not (tmp_path / "root").exists()


def test_missing_shards_are_left_to_the_reader_to_report(tmp_path):
    paths = Paths("small", str(tmp_path / "root"), tmp_path)
    write_dataset(paths.tfrecords, 20)
    next(paths.tfrecords.glob("*.tfrecord")).unlink()
    assert dataset_uri(paths) == str(paths.manifest)
