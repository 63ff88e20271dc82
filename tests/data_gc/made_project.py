"""A project with git, DVC, a lake and a store of datasets, without the stages that would make them."""

import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pyarrow as pa

from firelib import storage
from firelib.data.delta_tables import Part, append_part, build_table_record
from firelib.data.generations.key_files import write_keys
from firelib.data.generations.record import Counts, Record, RecordedShard
from firelib.data.generations.record_store import RecordStore
from firelib.data.lake import Lake
from firelib.data.versions.superseded_table import supersede_table
from firelib.data.vocabularies.word_counts import store_counts
from firelib.dataset_store import new_dataset
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import Manifest
from tests.test_dataset_store import fill

PIPELINE = """
stages:
  extract:
    cmd: mkdir -p data/small && cp made/lake.json data/small
    deps: [made/lake.json]
    outs: [data/small/lake.json]
  transform:
    cmd: mkdir -p data/small && cp -r made/tfrecords data/small
    deps: [made/tfrecords]
    outs: [data/small/tfrecords]
"""


def write_record(paths: Paths, manifest: Manifest) -> None:
    """Write the record of a generation that has all shards of a dataset, with files of words and keys."""
    store, name = RecordStore(paths), storage.sha256_json({"generation of": manifest.sha256})
    words = {"text": store_counts({manifest.sha256: 1}, store.folder)}
    shards = tuple(RecordedShard("train", shard, {}, words) for shard in manifest.splits["train"].shards)
    store.write_keys(name, [write_keys(pd.DataFrame({"id": [manifest.sha256]}), ["id"], store.folder)])
    store.write(name, Record(Counts(), shards, pa.table({}), generation=name))


class MadeProject:
    """A project whose states differ in the rows of a table, and of the dataset.

    Args:
        folder: An empty folder.
        root: The storage root.
    """

    def __init__(self, folder: Path, root: str) -> None:
        from dvc.repo import Repo

        self.folder, self.paths = folder, Paths("small", root, folder, elsewhere=True)
        self._made = Paths("small", root, folder / "unused", elsewhere=True)
        self.git("init", "-q")
        Repo.init(str(folder)).close()
        (folder / "dvc.yaml").write_text(PIPELINE)
        (folder / ".gitignore").write_text("/storage/\n/unused/\n/made/\n")

    def git(self, *words: str) -> str:
        me = ("-c", "user.name=test", "-c", "user.email=test@test")
        command = ["git", "-C", str(self.folder), *me, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def make(self, rows: int) -> Manifest:
        """Store a dataset, and a table that supersedes the one before, and put them into the working tree."""
        from dvc.cli import main as dvc

        made = self.folder / "made"
        manifest = fill(self._made, rows)
        write_record(self._made, manifest)
        with new_dataset(self._made, manifest):
            pass
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(self._made.tfrecords, made / "tfrecords")
        part = Part({}, pa.table({"number": range(rows)}))
        if storage.is_local(self.paths.root):  # Delta has no tables in fsspec's memory
            uri = storage.join(self.paths.lake, "numbers")
            if storage.exists(uri):
                supersede_table(uri)
            append_part(uri, part, 0)
        record = build_table_record("numbers.csv", "0", part.rows.schema, [part])
        Lake(recipe="small", tables={"numbers": record}).write(made / "lake.json")
        with chdir(self.folder):
            assert dvc(["repro", "--quiet"]) == 0
        return manifest

    def commit(self, rows: int, *tags: str) -> Manifest:
        """Make a state and commit it."""
        manifest = self.make(rows)
        self.git("add", "-A")
        self.git("commit", "-qm", f"{rows} rows")
        for tag in tags:
            self.git("tag", tag)
        return manifest
