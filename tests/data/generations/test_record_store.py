"""Which records and files of keys a transform finds."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from firelib.data.generations.key_files import write_keys
from firelib.data.generations.record import Counts, Record
from firelib.data.generations.record_store import RecordStore
from firelib.project_layout import Paths

NAME = "0" * 64


def fill(store: RecordStore, key: int) -> None:
    keys = write_keys(pd.DataFrame({"id": [key]}), ["id"], store.folder)
    store.write_keys(NAME, [keys])
    store.write(NAME, Record(Counts(rows=key), (), pa.table({})))


def test_what_was_written_is_found(tmp_path: Path) -> None:
    paths = Paths("tiny", str(tmp_path), tmp_path)
    fill(RecordStore(paths), 7)
    store = RecordStore(paths)
    record, keys = store.read(NAME), store.read_keys(NAME)
    assert record
    assert record.counts.rows == 7
    assert keys
    assert [file.edges[-1] for file in keys] == [1]
    assert store.read("1" * 64) is store.read_keys("1" * 64) is store.read(None) is store.read_keys(None) is None


def test_a_fresh_store_finds_only_what_it_has_written(tmp_path: Path) -> None:
    """Keys of an earlier transform are not believed because the record of their generation was made again."""
    paths = Paths("tiny", str(tmp_path), tmp_path)
    fill(RecordStore(paths), 7)
    store = RecordStore(paths, fresh=True)
    assert store.read(NAME) is store.read_keys(NAME) is None
    store.write(NAME, Record(Counts(rows=8), (), pa.table({})))
    assert store.read(NAME)
    assert store.read_keys(NAME) is None
    fill(store, 9)
    store.refresh()
    assert store.read_keys(NAME)


def test_keys_whose_list_is_damaged_are_made_again(tmp_path: Path) -> None:
    paths = Paths("tiny", str(tmp_path), tmp_path)
    fill(RecordStore(paths), 7)
    Path(paths.records, f"{NAME}.keys.json").write_bytes(b'[{"name": "\xff')
    assert RecordStore(paths).read_keys(NAME) is None
