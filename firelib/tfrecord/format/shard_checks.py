"""Compare the files of a split with its manifest."""

import posixpath
from collections.abc import Sequence
from itertools import groupby

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Shard, index_name

#: For files of firelib's own datasets.
REMEDY = "restore it (dvc checkout), or write it again (firelib transform)"
#: For files of other writers.
EXTERNAL_REMEDY = "restore the file from where it came from, or leave it out: open_dataset takes a list of files"

_MAX_NAMED = 5


def check_sizes(folder: str, shards: Sequence[Shard], remedy: str = REMEDY) -> None:
    """Compare the presence and the sizes of shards and indexes with the manifest, from one listing.

    Args:
        folder: URI of the dataset's folder.
        shards: The manifest's entries.
        remedy: What to do about a file that differs.

    Raises:
        FirelibError: Files are missing or have another size; the error names up to five of them.
    """
    expected = {f"shard {shard.name}": (shard.name, shard.bytes) for shard in shards}
    indexed = [(index_name(shard.name), 8 * (shard.rows + 1)) for shard in shards if shard.index_xxh128]
    expected |= {f"index {name}": (name, size) for name, size in indexed}
    sizes = _list_sizes(folder, [name for name, _ in expected.values()])
    wrong = []
    for what, (name, size) in expected.items():
        if name not in sizes:
            wrong.append(f"{what} is missing")
        elif sizes[name] not in (None, size):
            wrong.append(f"{what}: expected {size} bytes, got {sizes[name]}")
    if wrong:
        more = [f"and {len(wrong) - _MAX_NAMED} more"] if len(wrong) > _MAX_NAMED else []
        raise FirelibError("\n".join([*wrong[:_MAX_NAMED], *more]), where=folder, remedy=remedy)


def _list_sizes(folder: str, names: Sequence[str]) -> dict[str, int | None]:
    """Sizes of files, which lie in several folders if another writer wrote them."""
    sizes: dict[str, int | None] = {}
    for parent, group in groupby(sorted(names, key=posixpath.dirname), key=posixpath.dirname):
        bare = [posixpath.basename(name) for name in group]
        found = storage.sizes(storage.join(folder, parent) if parent else folder, bare)
        sizes |= {posixpath.join(parent, name): size for name, size in found.items()}
    return sizes


def missing_file(folder: str, name: str, remedy: str = REMEDY) -> FirelibError:
    """The error for a file that does not exist.

    Args:
        folder: URI of the dataset's folder.
        name: The file.
        remedy: What to do about it.
    """
    return FirelibError(f"{name} is missing", where=folder, remedy=remedy)


def size_mismatch(folder: str, shard: Shard, size: int, remedy: str = REMEDY) -> FirelibError:
    """The error for a shard whose size differs from the manifest.

    Args:
        folder: URI of the dataset's folder.
        shard: The manifest's entry.
        size: Actual size in bytes.
        remedy: What to do about it.
    """
    return FirelibError(f"shard {shard.name}: expected {shard.bytes} bytes, got {size}", where=folder, remedy=remedy)


def hash_mismatch(folder: str, name: str) -> FirelibError:
    """The error for a file whose hash differs from the manifest.

    Args:
        folder: URI of the dataset's folder.
        name: The file.
    """
    return FirelibError(f"{name}: its hash differs from the one in the manifest", where=folder, remedy=REMEDY)
