"""Stage a dataset's files under provisional names and publish them when all are complete.

A local dataset is written into a folder of its own, which is then renamed. An object store cannot rename a folder, so
files are moved one by one, and a mark, `.firelib-replacing.json`, lists the files that come and go meanwhile. If the
writer is killed, the mark tells the next one which files are firelib's. All other files are refused, never removed.

The writer renews its mark, so that writers on other hosts, which cannot see its process, refuse to touch the files.
"""

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError, UnreachableError
from firelib.storage import Owner
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, index_name, read_manifest

MARK = ".firelib-replacing.json"

_RENEWED_SECONDS = 60.0
_STALE_SECONDS = 900.0  # no writer needs as long for one file

_TEMPORARY = re.compile(r"\.(?:(?P<owner>[^.]+)\.)?[0-9a-f]{32}\.tmp")


@dataclass(frozen=True)
class StagedDataset:
    """A dataset being written: write the shards into `folder`, then call `publish`.

    Attributes:
        folder: Folder of the provisional names.
        final: Folder of the final names; the same for a local dataset, whose folder is renamed as a whole.
    """

    folder: str
    final: str

    def publish(self, manifest: Manifest, provisional: Mapping[str, str]) -> None:
        """Give the shards their final names, then write the manifest, which completes the dataset.

        Args:
            manifest: The manifest, with the final names.
            provisional: Final name of each shard → its provisional name.
        """
        shards = [shard for split in manifest.splits.values() for shard in split.shards]
        moves = {name: provisional[name] for name in (shard.name for shard in shards)}
        moves |= {index_name(shard.name): index_name(moves[shard.name]) for shard in shards if shard.index_xxh128}
        moves |= {name: name for name in manifest.vocabulary_files}
        if self.folder == self.final:
            for new, old in moves.items():
                Path(self.folder, old).rename(Path(self.folder, new))
            manifest.write(Path(self.folder))
            for name in set(storage.list_names(self.folder)) - manifest.file_names:  # empty shards
                Path(self.folder, name).unlink()
        else:
            self._replace(manifest, moves)

    def _replace(self, manifest: Manifest, moves: Mapping[str, str]) -> None:
        """Replace a dataset in an object store. No dataset exists from the removal of its manifest to the new one."""
        found = _inspect(self.final)
        _refuse_writer(self.final, found.writer)
        replaced = found.own
        mark = _Mark(self.final, sorted(replaced | manifest.file_names), replaces=MARK in found.names)
        with mark.release_on_error():
            self._move(manifest, moves, mark)
        for name in sorted(replaced - manifest.file_names - {MARK}):
            storage.remove_file(storage.join(self.final, name))
        storage.remove_file(storage.join(self.final, MARK))

    def _move(self, manifest: Manifest, moves: Mapping[str, str], mark: "_Mark") -> None:
        storage.remove_file(storage.join(self.final, MANIFEST_NAME))
        for new, old in moves.items():
            mark.check()
            fs, source = storage.filesystem(storage.join(self.folder, old))
            fs.cp_file(source, storage.filesystem(storage.join(self.final, new))[1])  # `mv` would list the folder
            fs.rm_file(source)
        mark.check()
        if not storage.create_bytes(storage.join(self.final, MANIFEST_NAME), manifest.to_json()):
            raise _overtaken(self.final)


class _Mark:
    """This process's mark in a folder.

    Args:
        folder: The folder.
        files: Names of the files that the mark accounts for.
        replaces: Whether there is the mark of a writer that has ended.

    Raises:
        FirelibError: Another process has created its mark at the same time.
    """

    def __init__(self, folder: str, files: list[str], replaces: bool) -> None:
        self._folder, self._uri = folder, storage.join(folder, MARK)
        self._files = files
        self._content = storage.to_json({"owner": Owner.current().token, "id": uuid.uuid4().hex, "files": files})
        if replaces:
            storage.remove_file(self._uri)
        if not storage.create_bytes(self._uri, self._content):  # the store lets one of several succeed
            raise _overtaken(folder)
        self._written = time.monotonic()

    def _write(self) -> None:
        storage.write_bytes(self._uri, self._content)
        self._written = time.monotonic()

    def check(self) -> None:
        """Renew the mark now and then.

        Raises:
            FirelibError: Another writer, which did not see the mark yet, has replaced it.
        """
        if not self._is_own():
            raise _overtaken(self._folder)
        if time.monotonic() - self._written > _RENEWED_SECONDS:
            self._write()

    def _is_own(self) -> bool:
        try:
            return storage.read_bytes(self._uri) == self._content
        except FileNotFoundError:
            return False

    @contextmanager
    def release_on_error(self) -> Iterator[None]:
        """If the block fails, let the next writer begin at once; the files stay accounted for."""
        try:
            yield
        except BaseException:
            with suppress(Exception):  # the storage may be what has failed
                if self._is_own():
                    storage.write_bytes(self._uri, storage.to_json({"owner": None, "files": self._files}))
            raise


def _overtaken(folder: str) -> FirelibError:
    return FirelibError(
        "another process is replacing the dataset, too; this one has stopped",
        where=folder,
        remedy="wait for its end, then check whose dataset you want; write each into its own folder",
    )


def _refuse_writer(uri: str, writer: Owner | None) -> None:
    """Refuse to replace a dataset while another process does.

    Raises:
        FirelibError: The process runs; or it cannot be seen from here, and its mark is not old enough.
    """
    if writer is None or writer.has_ended:
        return
    age = storage.age_seconds(storage.join(uri, MARK))
    if not writer.is_alive and age is not None and age > _STALE_SECONDS:
        return
    where = "" if writer.is_alive else " of another host or container"
    raise FirelibError(
        f"process {writer.pid}{where} is replacing the dataset",
        where=uri,
        remedy="wait for its end, then try again"
        + ("" if writer.is_alive else f"; if it was killed, {_STALE_SECONDS / 60:.0f} minutes after that"),
    )


@dataclass(frozen=True)
class _Folder:
    """What a folder holds.

    Attributes:
        names: Names of all entries.
        own: Names of the files that its manifest, or the mark of a writer, accounts for.
        writer: The process that replaces the dataset, or was killed while it did.
    """

    names: frozenset[str]
    own: frozenset[str]
    writer: Owner | None


@contextmanager
def stage_dataset(uri: str, overwrite: bool) -> Iterator[StagedDataset]:
    """Stage a dataset that readers see only after the block ends without an error.

    Args:
        uri: The dataset's folder.
        overwrite: Whether to replace an existing dataset.

    Raises:
        FirelibError: The folder holds a dataset and `overwrite` is not set, another process is replacing the dataset,
            or the folder holds files that neither a manifest nor a mark of firelib accounts for.
    """
    uri = storage.absolute(uri)
    found = _inspect(uri)
    _check_folder(uri, found, overwrite)
    if storage.is_local(uri):
        with storage.publish_folder(Path(uri), lambda name: name in found.own) as folder:
            yield StagedDataset(str(folder), str(folder))
        return
    _remove_leftovers(uri, found.names)
    work = storage.join(uri, f".{Owner.current().token}.{uuid.uuid4().hex}.tmp")
    storage.make_folder(work)
    try:
        yield StagedDataset(work, uri)
    finally:
        storage.remove_folder(work)


def _check_folder(uri: str, found: _Folder, overwrite: bool) -> None:
    if MANIFEST_NAME in found.own and not overwrite:
        raise FirelibError(
            "the folder already holds a dataset", where=uri, remedy="pass overwrite=True, or choose another folder"
        )
    _refuse_writer(uri, found.writer)
    others = found.names - found.own
    if not storage.is_local(uri):  # in an object store, provisional names lie in the folder itself
        others = frozenset(name for name in others if not _TEMPORARY.fullmatch(name))
    storage.refuse_files(list(others), uri)


def _inspect(uri: str) -> _Folder:
    """Look at a folder, which may be missing.

    Raises:
        FirelibError: Its manifest is not one of firelib's, or the bucket cannot be used.
    """
    names, own, writer = frozenset(storage.list_names(uri)), set[str](), None
    if MARK in names:
        writer, marked = _read_mark(uri)
        own |= marked
    if MANIFEST_NAME in names:
        own |= _read_file_names(uri)
    return _Folder(names, names & own, writer)


def _read_file_names(uri: str) -> frozenset[str]:
    try:
        return read_manifest(uri).file_names
    except (storage.BucketError, UnreachableError):
        raise
    except FirelibError as error:
        raise FirelibError(
            f"{MANIFEST_NAME} does not tell which files are firelib's: {error.headline}",
            where=uri,
            remedy="choose an empty or a new folder, or remove this one",
        ) from None


def _read_mark(uri: str) -> tuple[Owner | None, set[str]]:
    """The writer that a mark names, and the files that it accounts for, itself included; none if it is not a mark."""
    mark = storage.read_json(storage.join(uri, MARK))
    if not isinstance(mark, dict) or not isinstance(mark.get("files"), list):
        return None, set()
    return Owner.parse(str(mark.get("owner"))), {MARK, *map(str, mark["files"])}


def _remove_leftovers(uri: str, names: Iterable[str]) -> None:
    """Remove the temporary folders of writers that are known to have ended."""
    for name in names:
        match = _TEMPORARY.fullmatch(name)
        owner = Owner.parse(match["owner"]) if match and match["owner"] else None
        if owner and owner.has_ended:
            storage.remove_folder(storage.join(uri, name))
