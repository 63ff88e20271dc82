"""What is stored about generations: which shards records name, and which of the files beside them they need."""

import re
from collections.abc import Set
from dataclasses import dataclass

from firelib import storage
from firelib.data.generations.key_files import SUFFIX as KEYS
from firelib.data.generations.record import Record, from_bytes
from firelib.data.generations.record_store import KEY_FILES, RECORD, parse_key_files
from firelib.data.vocabularies.word_counts import SUFFIX as WORDS
from firelib.data_gc.stored import StoredItem

_OWN = re.compile(
    rf"[0-9a-f]{{64}}({re.escape(RECORD)}|{re.escape(KEY_FILES)})|[0-9a-f]{{32}}({re.escape(KEYS)}|{re.escape(WORDS)})"
)


@dataclass(frozen=True)
class StoredRecords:
    """The records of a recipe.

    Attributes:
        item: The folder of the records.
        records: Name of the file → record; damaged ones are missing.
    """

    item: StoredItem
    records: dict[str, Record]

    def list_shards(self, file: str) -> frozenset[str]:
        """The shards that a record names, as paths relative to `Paths.datasets`; none if it is damaged.

        Args:
            file: Name of the record's file.
        """
        shards = self.records[file].shards if file in self.records else ()
        return frozenset(f"{self.item.name}/{each.shard.name}" for each in shards)

    def find_unneeded(self, objects: Set[str], young: Set[str]) -> set[str]:
        """The files that are of no use any more: damaged records, records whose shards go, and what only they name.

        Args:
            objects: The objects of datasets that stay, as paths relative to `Paths.datasets`.
            young: Files that stay, whatever they name.
        """
        whole = {file for file in self.records if self.list_shards(file) <= objects}
        needed = whole | set(young)
        for record in [self.records[file] for file in needed if file in self.records]:
            needed |= {file.name for file in record.word_files}
            needed |= {f"{record.generation}{KEY_FILES}"}
        for file in sorted(needed & self.item.sizes.keys()):
            if file.endswith(KEY_FILES):
                content = storage.read_bytes(storage.join(self.item.uri, file))
                needed |= {each.name for each in parse_key_files(content) or ()}
        return {file for file in self.item.sizes if _OWN.fullmatch(file)} - needed


def read_records(item: StoredItem) -> StoredRecords:
    """Read the records of a recipe.

    Args:
        item: The folder of the records.
    """
    records = {}
    for file in item.sizes:
        if _OWN.fullmatch(file) and file.endswith(RECORD):
            try:
                records[file] = from_bytes(storage.read_bytes(storage.join(item.uri, file)))
            except (ValueError, FileNotFoundError):
                continue
    return StoredRecords(item, records)
