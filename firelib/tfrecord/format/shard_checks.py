"""What can be wrong with the files of a split as a whole."""

from collections.abc import Sequence

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Shard, index_name

REMEDY = "restore it (dvc checkout), or write it again (firelib transform)"

_NAMED = 5


def check_sizes(folder: str, shards: Sequence[Shard]) -> None:
    """Compare shards with the manifest: their presence and their sizes, from one listing.

    Raises:
        FirelibError: Names every shard that is missing or has another size.
    """
    expected = {f"shard {shard.name}": (shard.name, shard.bytes) for shard in shards}
    indexed = [(index_name(shard.name), 8 * (shard.rows + 1)) for shard in shards if shard.index_xxh128]
    expected |= {f"index {name}": (name, size) for name, size in indexed}
    sizes = storage.sizes(folder, [name for name, _ in expected.values()])
    wrong = []
    for what, (name, size) in expected.items():
        if name not in sizes:
            wrong.append(f"{what} is missing")
        elif sizes[name] not in (None, size):
            wrong.append(f"{what} has {sizes[name]} bytes, its manifest says {size}")
    if wrong:
        more = [f"and {len(wrong) - _NAMED} more"] if len(wrong) > _NAMED else []
        raise FirelibError("\n".join([*wrong[:_NAMED], *more]), where=folder, remedy=REMEDY)


def missing(folder: str, name: str) -> FirelibError:
    return FirelibError(f"{name} is missing", where=folder, remedy=REMEDY)


def wrong_size(folder: str, shard: Shard, size: int) -> FirelibError:
    message = f"shard {shard.name} has {size} bytes, its manifest says {shard.bytes}"
    return FirelibError(message, where=folder, remedy=REMEDY)


def other_content(folder: str, name: str) -> FirelibError:
    return FirelibError(f"{name} is not the one in its manifest: its hash differs", where=folder, remedy=REMEDY)
