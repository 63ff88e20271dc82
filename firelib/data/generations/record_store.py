"""Records of generations below the storage root, each under a hash of everything that decides it.

Records only save time. One that is missing or damaged, or whose shards are, is a generation to be made again.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from firelib import storage
from firelib.data.generations.key_files import KeyFile, are_keys_intact
from firelib.data.generations.record import Record, read_record, to_bytes
from firelib.data.generations.shard_store import StoredFile, are_intact, list_files
from firelib.data.vocabularies.word_counts import WordFile
from firelib.project_layout import Paths

_KEYS = TypeAdapter(tuple[KeyFile, ...])
#: What the names of records end with, and those of the lists of a generation's files of keys.
RECORD, KEY_FILES = ".zip", ".keys.json"


class RecordStore:
    """The records of a recipe.

    Args:
        paths: Where records and shards are.
        fresh: Whether to find only what this store has written.
    """

    def __init__(self, paths: Paths, fresh: bool = False) -> None:
        self.folder, self.shards = paths.records, paths.shards
        self._fresh, self._written = fresh, set[str]()
        storage.make_folder(self.folder)

    @cached_property
    def _stored(self) -> Mapping[str, int | None]:
        """Sizes of the files beside the records, from one listing."""
        return storage.sizes(self.folder, [])

    @cached_property
    def _stored_shards(self) -> Mapping[str, int | None]:
        """Sizes of the shards in a bucket, from one listing; local ones are looked up one by one."""
        return {} if storage.is_local(self.shards) else storage.sizes(self.shards, [])

    def refresh(self) -> None:
        """List files anew when they are looked up next: tasks have written some."""
        for listing in ("_stored", "_stored_shards"):
            self.__dict__.pop(listing, None)

    def read(self, name: str | None, others: int = 0) -> Record | None:
        """A record whose shards and files of words are intact; None without one.

        Args:
            name: Hash of what decides the generation; None if it has no name.
            others: Rows of the dataset in other generations. Hashes that they leave out of the sample are not all read.
        """
        if name is None or not self._may_read(f"{name}{RECORD}"):
            return None
        try:
            with self._open(f"{name}{RECORD}") as file:
                record = read_record(file, others)
        except (FileNotFoundError, ValueError):
            return None
        return record if self._is_whole(record) else None

    def _open(self, file: str) -> IO[bytes]:
        """A file, of which only parts may be read. From a bucket, one request is faster than several."""
        uri = self._locate(file)
        return Path(storage.absolute(uri)).open("rb") if storage.is_local(uri) else io.BytesIO(storage.read_bytes(uri))

    def _is_whole(self, record: Record) -> bool:
        shards, words = list_files(each.shard for each in record.shards), list_words(record.word_files)
        if not are_intact(self.shards, shards, record.stamps, self._stored_shards):
            return False
        return not words or are_intact(self.folder, words, record.stamps, self._stored)

    def write(self, name: str | None, record: Record) -> None:
        """Write a record. Its shards and files of words are there already.

        Args:
            name: Hash of what decides the generation; None if it has no name.
            record: The record.
        """
        if name is not None:
            self._write(f"{name}{RECORD}", to_bytes(record))

    def read_keys(self, name: str | None) -> tuple[KeyFile, ...] | None:
        """The files with the keys of a generation; None without them.

        Args:
            name: Hash of what decides the generation; None if it has no name.
        """
        if name is None or not self._may_read(f"{name}{KEY_FILES}"):
            return None
        try:
            files = parse_key_files(storage.read_bytes(self._locate(f"{name}{KEY_FILES}")))
        except FileNotFoundError:
            return None
        return files if files is not None and are_keys_intact(files, self._stored) else None

    def write_keys(self, name: str | None, files: Sequence[KeyFile]) -> None:
        """Write which files have the keys of a generation.

        Args:
            name: Hash of what decides the generation; None if it has no name.
            files: The files.
        """
        if name is not None:
            self._write(f"{name}{KEY_FILES}", _KEYS.dump_json(tuple(files)))

    def _may_read(self, file: str) -> bool:
        return not self._fresh or file in self._written

    def _write(self, file: str, content: bytes) -> None:
        self._written.add(file)
        storage.write_bytes(self._locate(file), content)

    def _locate(self, file: str) -> str:
        return storage.join(self.folder, file)


def parse_key_files(content: bytes) -> tuple[KeyFile, ...] | None:
    """The files with the keys of a generation; None if the content is damaged.

    Args:
        content: What `RecordStore.write_keys` wrote.
    """
    try:
        return _KEYS.validate_json(content)
    except ValidationError:
        return None


def list_words(files: Iterable[WordFile]) -> list[StoredFile]:
    """The files of words, which are named by their content."""
    return [StoredFile(file.name, file.xxh128, file.offsets[-1]) for file in files]
