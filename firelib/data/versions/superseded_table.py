"""Tables of the lake that no longer match their source: they get another name, and nothing is deleted."""

import hashlib
import re
from pathlib import Path

from firelib import storage
from firelib.data.delta_tables import LOG, read_part_hashes

_NAME = re.compile(r"(?P<table>.+)\.superseded-[0-9a-f]{8}")


def parse_superseded(name: str) -> str | None:
    """The name that a superseded table had before; None for another folder.

    Args:
        name: Name of the folder, such as `planes.superseded-0a1b2c3d`.
    """
    match = _NAME.fullmatch(name)
    return match["table"] if match else None


def supersede_table(uri: str) -> str:
    """Rename a table that no longer matches its source, and return its new URI.

    Args:
        uri: The table.

    Raises:
        FirelibError: The bucket cannot be used.
    """
    content = hashlib.sha256("".join(read_part_hashes(uri)).encode()).hexdigest()[:8]
    superseded = f"{uri}.superseded-{content}"
    storage.remove_folder(superseded)  # an earlier copy of the same versions; in a bucket, perhaps a part of one
    if storage.is_local(uri):
        Path(storage.absolute(uri)).rename(storage.absolute(superseded))
    else:
        move_objects(uri, superseded)
    return superseded


def move_objects(uri: str, superseded: str) -> None:
    """Move a table in a bucket, which cannot rename a folder.

    Whenever this is interrupted, Delta can read what is left, and an extract goes on from there: the log is removed
    before the rows, its newest version first.

    Args:
        uri: The table.
        superseded: Its new URI, which does not exist.
    """
    fs, path = storage.filesystem(uri)
    with storage.explain_storage(uri):
        fs.copy(path, storage.filesystem(superseded)[1], recursive=True)
    log = storage.join(uri, LOG)
    for name in reversed(storage.list_names(log)):  # `_last_checkpoint`, which names a version, comes first
        storage.remove_file(storage.join(log, name))
    storage.remove_folder(uri)
