"""What is stored about generations: which shards records name, and which of the files beside them they need."""

import re
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass

from firelib import storage
from firelib.console import progress
from firelib.data.generations.key_files import SUFFIX as KEYS
from firelib.data.generations.record import from_bytes
from firelib.data.generations.record_store import KEY_FILES, RECORD, parse_key_files
from firelib.data.generations.shard_store import list_files
from firelib.data.vocabularies.word_counts import SUFFIX as WORDS
from firelib.data_gc.stored import StoredItem

_OWN = re.compile(
    rf"[0-9a-f]{{64}}({re.escape(RECORD)}|{re.escape(KEY_FILES)})|[0-9a-f]{{32}}({re.escape(KEYS)}|{re.escape(WORDS)})"
)


@dataclass(frozen=True)
class NamedFiles:
    """The files that a record names. Its statistics and hashes, which may be large, are not kept.

    Attributes:
        shards: Names of the shards and of their indexes.
        words: Names of the files of words.
        generation: Hash of what decides the generation, which names the list of its files of keys.
    """

    shards: frozenset[str]
    words: frozenset[str]
    generation: str | None


@dataclass(frozen=True)
class StoredRecords:
    """The records of a recipe.

    Attributes:
        item: The folder of the records.
        records: Name of the file → what the record names; damaged ones are missing.
    """

    item: StoredItem
    records: dict[str, NamedFiles]

    def list_shards(self, file: str) -> frozenset[str]:
        """The shards and indexes that a record names, as paths relative to `Paths.datasets`; none if it is damaged.

        Args:
            file: Name of the record's file.
        """
        shards = self.records[file].shards if file in self.records else ()
        return frozenset(f"{self.item.name}/{name}" for name in shards)

    def find_unneeded(self, objects: Set[str], young: Set[str]) -> set[str]:
        """The files that are of no use any more: damaged or replaced records, records whose shards go, their files.

        Args:
            objects: The objects of datasets that stay, as paths relative to `Paths.datasets`.
            young: Files that stay, whatever they name.
        """
        needed = self._find_newest(file for file in self.records if self.list_shards(file) <= objects) | young
        for record in [self.records[file] for file in needed if file in self.records]:
            needed |= {*record.words, f"{record.generation}{KEY_FILES}"}
        for file in sorted(needed & self.item.sizes.keys()):
            if file.endswith(KEY_FILES):
                needed |= _read_key_files(storage.join(self.item.uri, file))
        return {file for file in self.item.sizes if _OWN.fullmatch(file)} - needed

    def _find_newest(self, files: Iterable[str]) -> set[str]:
        """Of the records that name the same shards, the one that was written last: the recipe's code has changed."""
        newest: dict[frozenset[str], str] = {}
        for file in sorted(files, key=lambda file: (self.item.times[file], file)):
            newest[self.records[file].shards or frozenset({file})] = file
        return {*newest.values()}


def _read_key_files(uri: str) -> set[str]:
    with suppress(FileNotFoundError):  # it was removed after it was listed
        return {file.name for file in parse_key_files(storage.read_bytes(uri)) or ()}
    return set()


def read_records(item: StoredItem) -> StoredRecords:
    """Read the records of a recipe.

    Args:
        item: The folder of the records.
    """
    files = [file for file in item.sizes if _OWN.fullmatch(file) and file.endswith(RECORD)]
    records = {}
    with progress(f"read records of {item.name}", len(files)) as advance:
        for number, file in enumerate(files, 1):
            with suppress(ValueError, FileNotFoundError):
                records[file] = _read_names(storage.join(item.uri, file))
            advance(number)
    return StoredRecords(item, records)


def _read_names(uri: str) -> NamedFiles:
    record = from_bytes(storage.read_bytes(uri))
    shards = frozenset(file.name for file in list_files(each.shard for each in record.shards))
    return NamedFiles(shards, frozenset(file.name for file in record.word_files), record.generation)
