"""Records of generations below the storage root, each under a hash of everything that decides it.

Records only save time. One that is missing or damaged, or whose shards are, is a generation to be made again.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from pydantic import TypeAdapter, ValidationError

from firelib import storage
from firelib.data.generations import record as record_file
from firelib.data.generations.key_files import KeyFile, are_keys_intact
from firelib.data.generations.record import Record
from firelib.data.generations.shard_store import are_intact
from firelib.project_layout import Paths

_KEYS = TypeAdapter(tuple[KeyFile, ...])


class RecordStore:
    """The records of a recipe.

    Args:
        paths: Where records and shards are.
    """

    def __init__(self, paths: Paths) -> None:
        self.folder, self.shards = paths.records, paths.shards
        storage.make_folder(self.folder)

    @cached_property
    def _stored_keys(self) -> Mapping[str, int | None]:
        return storage.sizes(self.folder, [])

    @cached_property
    def _stored_shards(self) -> Mapping[str, int | None]:
        """Sizes of the shards in a bucket, from one listing; local ones are looked up one by one."""
        return {} if storage.is_local(self.shards) else storage.sizes(self.shards, [])

    def read(self, name: str | None) -> Record | None:
        """A record whose shards are intact; None without one.

        Args:
            name: Hash of what decides the generation; None if it has no name.
        """
        if name is None:
            return None
        try:
            record = record_file.from_bytes(storage.read_bytes(self._locate(name)))
        except (FileNotFoundError, ValueError):
            return None
        shards = [each.shard for each in record.shards]
        return record if are_intact(self.shards, shards, record.stamps, self._stored_shards) else None

    def write(self, name: str | None, record: Record) -> None:
        """Write a record. Its shards are there already.

        Args:
            name: Hash of what decides the generation; None if it has no name.
            record: The record.
        """
        if name is not None:
            storage.write_bytes(self._locate(name), record_file.to_bytes(record))

    def read_keys(self, name: str | None) -> tuple[KeyFile, ...] | None:
        """The files with the keys of a generation; None without them.

        Args:
            name: Hash of what decides the generation; None if it has no name.
        """
        if name is None:
            return None
        try:
            files = _KEYS.validate_json(storage.read_bytes(self._locate(name, "keys.json")))
        except (FileNotFoundError, ValidationError):
            return None
        return files if are_keys_intact(files, self._stored_keys) else None

    def write_keys(self, name: str | None, files: Sequence[KeyFile]) -> None:
        """Write which files have the keys of a generation.

        Args:
            name: Hash of what decides the generation; None if it has no name.
            files: The files.
        """
        if name is not None:
            storage.write_bytes(self._locate(name, "keys.json"), _KEYS.dump_json(tuple(files)))

    def _locate(self, name: str, suffix: str = "zip") -> str:
        return storage.join(self.folder, f"{name}.{suffix}")
