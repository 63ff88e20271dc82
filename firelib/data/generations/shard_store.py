"""Shards as immutable files, named by what they hold, that the datasets of a recipe share."""

import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import xxhash

from firelib import storage
from firelib.storage import Owner
from firelib.tfrecord.format.manifest import Shard, index_name
from firelib.tfrecord.write.shard_writer import Layout, write_shard

_STEP_BYTES = 8 << 20
_WORK = ".tmp"


def store_shard(folder: str, stem: str, columns: Mapping[str, Any], layout: Layout) -> Shard:
    """Write rows as a shard, named `<stem>-<hash of its content>.tfrecord`. A shard that is there stays.

    Args:
        folder: URI of the folder of the shards.
        stem: What the name begins with: split, generation and index.
        columns: Feature name → values (`to_columns`).
        layout: The dataset's layout.

    Raises:
        FirelibError: The disk is full.
    """
    with storage.explain_full_disk(folder), _work_folder(folder) as work:
        written = write_shard(work / "shard", columns, layout)
        shard = written.model_copy(update={"name": f"{stem}-{written.xxh128}.tfrecord"})
        if shard.index_xxh128:
            _publish(work / index_name("shard"), folder, index_name(shard.name), shard.index_xxh128)
        _publish(work / "shard", folder, shard.name, shard.xxh128)
    return shard


@contextmanager
def _work_folder(folder: str) -> Iterator[Path]:
    """A folder for files in progress: beside the final ones, so that a rename publishes them; or any for a bucket."""
    if storage.is_local(folder):
        storage.make_folder(folder)
    local = storage.absolute(folder) if storage.is_local(folder) else None
    prefix = f".{Owner.current().token}.{uuid.uuid4().hex[:8]}."
    with tempfile.TemporaryDirectory(dir=local, prefix=prefix, suffix=_WORK) as work:
        yield Path(work)


def _publish(file: Path, folder: str, name: str, digest: str) -> None:
    """Give a file its name, unless a file with its content has it: links to that one stay what they are."""
    uri = storage.join(folder, name)
    if storage.is_local(folder):
        with suppress(FileNotFoundError):
            if _hash_file(Path(storage.absolute(uri))) == digest:
                return
        with file.open("rb") as content:
            os.fsync(content.fileno())
        file.replace(storage.absolute(uri))
        return
    fs, path = storage.filesystem(uri)
    if storage.sizes(folder, [name]).get(name) != file.stat().st_size:
        fs.put_file(str(file), path)


def remove_leftovers(folder: str) -> None:
    """Remove what writers left behind that are known to have ended.

    Args:
        folder: URI of the folder of the shards.
    """
    if not storage.is_local(folder):
        return
    with suppress(FileNotFoundError):
        for path in Path(storage.absolute(folder)).glob(f".*{_WORK}"):
            owner = Owner.parse(path.name.split(".")[1])
            if owner and owner.has_abandoned(path):
                storage.remove_folder(str(path))


def stamp_shards(folder: str, shards: Sequence[Shard]) -> dict[str, int]:
    """Name → time of modification, in ns, of files that were just written; nothing for a bucket.

    Args:
        folder: URI of the folder of the shards.
        shards: The shards.
    """
    if not storage.is_local(folder):
        return {}
    return {name: Path(storage.absolute(folder), name).stat().st_mtime_ns for name in list_files(shards)}


def list_files(shards: Sequence[Shard]) -> list[str]:
    """Names of the files of some shards: the shards and their indexes."""
    indexes = [index_name(shard.name) for shard in shards if shard.index_xxh128]
    return [*(shard.name for shard in shards), *indexes]


def are_intact(
    folder: str, shards: Sequence[Shard], stamps: Mapping[str, int], sizes: Mapping[str, int | None]
) -> bool:
    """Whether shards are there and undamaged.

    A local file that has the size and the time of modification that it had when it was written is taken for intact. If
    only the time differs, its hash decides. Of a file in a bucket, the size does: buckets check what they store.

    Args:
        folder: URI of the folder of the shards.
        shards: The shards.
        stamps: What `stamp_shards` returned when they were written.
        sizes: Name → size in bytes of what a bucket holds.
    """
    if storage.is_local(folder):
        return all(_is_intact(Path(storage.absolute(folder)), shard, stamps) for shard in shards)
    return all(
        sizes.get(shard.name) == shard.bytes and (not shard.index_xxh128 or index_name(shard.name) in sizes)
        for shard in shards
    )


def _is_intact(folder: Path, shard: Shard, stamps: Mapping[str, int]) -> bool:
    hashes = {shard.name: shard.xxh128}
    if shard.index_xxh128:
        hashes[index_name(shard.name)] = shard.index_xxh128
    try:
        return (folder / shard.name).stat().st_size == shard.bytes and all(
            (folder / name).stat().st_mtime_ns == stamps.get(name) or _hash_file(folder / name) == expected
            for name, expected in hashes.items()
        )
    except OSError:
        return False


def _hash_file(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while content := file.read(_STEP_BYTES):
            digest.update(content)
    return digest.hexdigest()
