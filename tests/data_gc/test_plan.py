"""What goes of a storage root, and what is removed of it, without revisions: the references are given."""

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from firelib import storage
from firelib.data.generations.record import Counts, Record, RecordedShard
from firelib.data.generations.record_store import RecordStore
from firelib.data.generations.shard_store import list_files, store_shard
from firelib.data.lake import Lake
from firelib.data_gc.plan import Decision, Limits, plan_removal, removed
from firelib.data_gc.references import References
from firelib.data_gc.remove import remove_files
from firelib.project_layout import Paths
from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.write.shard_writer import choose_layout
from tests.test_dataset_store import fill

DAY = 86_400
NAME = "0" * 64


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("small", str(tmp_path / "ünï root"), tmp_path, elsewhere=True)


def references(**members: object) -> References:
    found = References(lakes=[Lake(recipe="small", tables={})])
    for name, value in members.items():
        setattr(found, name, value)
    return found


def plan(paths: Paths, found: References, days: float = 0, runs: bool = False) -> list[Decision]:
    return plan_removal([paths.root], found, Limits(days, runs))


def unneeded(decisions: list[Decision], kind: str) -> set[str]:
    return {file for each in removed(decisions) if each.item.kind == kind for file in each.files}


def store_texts(folder: str) -> Shard:
    """A shard whose records have no fixed size, so that it has an index."""
    features = [Feature("text", "string")]
    columns = to_columns(pa.table({"text": ["a", "bc"]}), features)
    return store_shard(folder, "train-00000-00000", columns, choose_layout(features))


def describe(paths: Paths, shard: Shard) -> Manifest:
    """The manifest of a dataset that has one shard."""
    return fill(Paths("small", f"{paths.root} of others", paths.project), 1).model_copy(
        update={"splits": {"train": Split(rows=shard.rows, shards=(shard,))}}
    )


def make_old(folder: str) -> None:
    for path in Path(folder).rglob("*"):
        os.utime(path, (time.time() - 2 * DAY,) * 2)


def test_a_young_record_keeps_its_shards_with_their_indexes(paths: Paths) -> None:
    shard = store_texts(paths.shards)
    make_old(paths.root)
    names = {file.name for file in list_files([shard])}
    assert len(names) == 2
    assert unneeded(plan(paths, references(), days=1), "shards") == names
    RecordStore(paths).write(NAME, Record(Counts(), (RecordedShard("train", shard, {}),), pa.table({})))
    assert not [*removed(plan(paths, references(), days=1))]
    make_old(paths.root)
    assert unneeded(plan(paths, references(), days=1), "shards") == names
    assert unneeded(plan(paths, references(), days=1), "records") == {f"{NAME}.zip"}


def test_a_record_goes_with_the_index_of_its_shard(paths: Paths) -> None:
    shard = store_texts(paths.shards)
    RecordStore(paths).write(NAME, Record(Counts(), (RecordedShard("train", shard, {}),), pa.table({})))
    found = references(manifests=[describe(paths, shard)])
    assert not [*removed(plan(paths, found))]
    next(Path(paths.shards).glob("*.index")).unlink()
    assert unneeded(plan(paths, found), "records") == {f"{NAME}.zip"}


def test_a_record_goes_that_another_one_of_the_same_shards_has_replaced(paths: Paths) -> None:
    """With each change of the recipe's code, a generation has a record of another name."""
    shard = store_texts(paths.shards)
    record = Record(Counts(), (RecordedShard("train", shard, {}),), pa.table({}))
    for name in (NAME, "2" * 64, "1" * 64):
        RecordStore(paths).write(name, record)
    make_old(paths.root)
    newest = Path(paths.records, f"{'2' * 64}.zip")
    os.utime(newest, (time.time() - DAY / 2,) * 2)
    found = references(manifests=[describe(paths, shard)])
    assert unneeded(plan(paths, found), "records") == {f"{NAME}.zip", f"{'1' * 64}.zip"}
    assert unneeded(plan(paths, found, days=3), "records") == set()


def test_a_damaged_record_goes_and_stops_nothing(paths: Paths) -> None:
    RecordStore(paths).write(NAME, Record(Counts(), (), pa.table({})))
    record = Path(paths.records, f"{NAME}.zip")
    content = record.read_bytes()
    method = content.index(b"PK\1\2") + 10  # how the first member is compressed
    record.write_bytes(content[:method] + b"\x08" + content[method + 1 :])
    assert unneeded(plan(paths, references()), "records") == {f"{NAME}.zip"}


def test_samples_go_with_their_datasets(paths: Paths) -> None:
    """Those of datasets that a revision or a run needs stay, and those that a model was trained on."""
    needed, other = fill(paths, 20), fill(paths, 30)
    folder, model, run = storage.join(paths.root, "samples", "small"), "a" * 64, "b" * 64
    for name in (needed.sha256, other.sha256, model, run):
        storage.write_bytes(storage.join(folder, f"{name}.parquet"), b"1")
    storage.write_bytes(storage.join(folder, "notes.parquet"), b"mine")
    storage.write_bytes(
        storage.join(paths.runs, "small-0123456789ab", "inputs.json"), f'{{"manifest_sha256": "{run}"}}'.encode()
    )
    found = references(manifests=[needed], trained_on={model})
    assert unneeded(plan(paths, found), "samples") == {f"{other.sha256}.parquet"}
    assert unneeded(plan(paths, found, days=1), "samples") == set()
    assert unneeded(plan(paths, references(manifests=[needed], unknown=["a revision"])), "samples") == set()
    remove_files(removed(plan(paths, found)))
    assert len(storage.sizes(folder, [])) == 4


def test_files_that_arrive_after_the_plan_stay(paths: Paths) -> None:
    run = storage.join(paths.runs, "small-0123456789ab")
    for file in ("inputs.json", "step-0000000001/progress.json", "step-0000000001/state.npz"):
        storage.write_bytes(storage.join(run, file), b"{}")
    decisions = plan(paths, references(), runs=True)
    assert {each.item.name for each in removed(decisions)} == {"small-0123456789ab"}
    notes = Path(run, "step-0000000001", "notes.txt")
    notes.write_text("mine")
    assert remove_files(removed(decisions)) == 6
    assert [path for path in Path(run).rglob("*") if path.is_file()] == [notes]
    notes.unlink()
    assert remove_files(removed(decisions)) == 6, "files that are gone already are no error"
    assert not Path(run).exists()
