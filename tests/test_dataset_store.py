"""Publish datasets whose shards are shared files: in the project, or below the storage root."""

from pathlib import Path

import fsspec
import pytest

from firelib import storage
from firelib.data.generations.shard_store import store_shard
from firelib.dataset_store import dataset_uri, new_dataset
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, Split
from firelib.tfrecord.read.dataset import open_dataset
from firelib.tfrecord.write.shard_writer import choose_layout
from tests.errors import refused
from tests.tfrecord.small import FEATURES, LABEL, columns, write_dataset


def fill(paths: Paths, *sizes: int) -> Manifest:
    """Store one shard for each number of rows, and describe them."""
    layout = choose_layout([*FEATURES, LABEL])
    stems = [f"train-{index:05d}-00000" for index in range(len(sizes))]
    shards = [store_shard(paths.shards, stem, columns(rows), layout) for stem, rows in zip(stems, sizes, strict=True)]
    return Manifest(
        recipe="small",
        features=tuple(FittedFeature(feature) for feature in FEATURES),
        label=LABEL,
        key=("count",),
        record_bytes=layout.record_bytes,
        splits={"train": Split(rows=sum(sizes), shards=tuple(shards))},
        tables={},
        quality={},
    )


@pytest.fixture(params=["folder", "bucket"])
def paths(request, tmp_path):
    root = str(tmp_path / "root") if request.param == "folder" else f"memory://{tmp_path.name}/root"
    yield Paths("small", root, tmp_path / "project", elsewhere=True)
    fsspec.filesystem("memory").store.clear()


def stored(paths: Paths) -> dict[str, object]:
    """Name → time of modification of the files in the store."""
    fs, folder = storage.filesystem(paths.datasets)
    names = fs.find(folder) if fs.exists(folder) else []
    return {name: fs.modified(name) for name in names}


def publish(paths: Paths, *sizes: int) -> Manifest:
    manifest = fill(paths, *sizes)
    with new_dataset(paths, manifest):
        pass
    return manifest


def test_shards_go_to_the_store_and_the_manifest_to_the_project(paths):
    manifest = publish(paths, 30, 20)
    assert [path.name for path in paths.tfrecords.iterdir()] == [MANIFEST_NAME]
    uri = dataset_uri(paths)
    assert manifest.sha256 in uri
    assert uri.startswith(paths.root)
    assert len(open_dataset(uri).as_numpy("train")["label"]) == 50


def test_datasets_share_shards(paths):
    publish(paths, 30)
    before = stored(paths)
    publish(paths, 30, 40)
    after = stored(paths)
    assert len(after) == len(before) + 2  # a shard and a manifest
    first = next(name for name in before if "train-00000" in name)
    assert after[first] == before[first]


def test_a_failed_publication_leaves_the_project_as_it_was(paths):
    publish(paths, 30)
    before = paths.manifest.read_bytes()
    with pytest.raises(RuntimeError), new_dataset(paths, fill(paths, 40)):
        raise RuntimeError
    assert paths.manifest.read_bytes() == before


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_shard_that_is_gone_is_named(tmp_path, elsewhere):
    paths = Paths("small", str(tmp_path / "root"), tmp_path / "project", elsewhere=elsewhere)
    manifest = fill(paths, 30)
    (shard,) = manifest.splits["train"].shards
    Path(paths.shards, shard.name).unlink()
    with refused(what=shard.name, where=paths.shards, remedy="transform"), new_dataset(paths, manifest):
        pass
    assert not paths.manifest.exists()


def test_a_dataset_of_an_earlier_version_is_found(tmp_path):
    """Earlier versions stored each dataset in a folder of its own."""
    paths = Paths("small", str(tmp_path / "root"), tmp_path, elsewhere=True)
    write_dataset(paths.tfrecords, 20)
    manifest = open_dataset(str(paths.manifest)).manifest
    folder = Path(paths.datasets, manifest.sha256)
    write_dataset(folder, 20)
    for shard in paths.tfrecords.glob("*.tfrecord"):
        shard.unlink()
    assert dataset_uri(paths) == str(folder / MANIFEST_NAME)
    assert len(open_dataset(dataset_uri(paths)).as_numpy("train")["label"]) == 20


def test_a_local_stage_links_shards_beside_the_manifest(tmp_path):
    paths = Paths("small", str(tmp_path / "root"), tmp_path)
    manifest = publish(paths, 20, 20)
    assert dataset_uri(paths) == str(paths.manifest)
    assert len(open_dataset(dataset_uri(paths)).as_numpy("train")["label"]) == 40
    for name in manifest.file_names - {MANIFEST_NAME}:
        assert (paths.tfrecords / name).samefile(Path(paths.shards, name))


def test_a_local_stage_keeps_shards_on_its_own_disk_if_the_root_is_a_bucket(tmp_path):
    paths = Paths("small", f"memory://{tmp_path.name}/root", tmp_path)
    publish(paths, 20)
    assert stored(paths) == {}
    assert len(open_dataset(dataset_uri(paths)).as_numpy("train")["label"]) == 20


def test_files_that_firelib_did_not_write_are_not_replaced(tmp_path):
    paths = Paths("small", str(tmp_path / "root"), tmp_path)
    publish(paths, 20)
    (paths.tfrecords / "notes.txt").write_text("mine")
    with refused(what="notes.txt", where=paths.tfrecords):
        publish(paths, 30)


def test_missing_shards_are_left_to_the_reader_to_report(tmp_path):
    paths = Paths("small", str(tmp_path / "root"), tmp_path)
    write_dataset(paths.tfrecords, 20)
    next(paths.tfrecords.glob("*.tfrecord")).unlink()
    assert dataset_uri(paths) == str(paths.manifest)
