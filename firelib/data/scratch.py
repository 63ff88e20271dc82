"""Ephemeral folders for a stage's intermediate files."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.storage import Owner

_LEASE = "lease"  # a file of each folder in a bucket, which its owner renews
_RENEWED_SECONDS = 60.0
_STALE_SECONDS = 900.0


@contextmanager
def scratch_folder(parent: str) -> Iterator[str]:
    """A new folder below `parent`, removed at the end of the block.

    Folders that killed processes left behind are removed first. A process of another host cannot be seen: in a bucket,
    its folder is taken for left over when it has not renewed its lease for 15 minutes, by the bucket's clock.
    """
    folder = storage.join(parent, f"{Owner.current().token}.{uuid.uuid4().hex[:8]}")
    storage.make_folder(folder)
    try:
        with _lease(folder):
            _remove_leftovers(parent, folder)
            yield folder
    finally:
        with suppress(OSError, FirelibError):  # after Ctrl-C, tasks may still write; then the next run removes it
            storage.remove_folder(folder)


def scratch_file(folder: str) -> str:
    """URI of a new file in a folder. If Ray repeats a task, both attempts may write, so each writes its own file."""
    return storage.join(folder, f"{uuid.uuid4().hex}.arrow")


@contextmanager
def _lease(folder: str) -> Iterator[None]:
    """Renew the lease of a folder in a bucket for the duration of the block."""
    if storage.is_local(folder):
        yield
        return
    uri = storage.join(folder, _LEASE)
    storage.write_bytes(uri, b"")
    with storage.repeat(lambda: storage.write_bytes(uri, b""), _RENEWED_SECONDS):
        yield


def _remove_leftovers(parent: str, own: str) -> None:
    for name in storage.list_names(parent):
        folder = storage.join(parent, name)
        owner = Owner.parse(name.rpartition(".")[0])
        if owner and folder != own and _is_abandoned(folder, owner, own):
            storage.remove_folder(folder)


def _is_abandoned(folder: str, owner: Owner, own: str) -> bool:
    if storage.is_local(folder):
        return owner.has_abandoned(Path(folder))
    if owner.is_alive or owner.has_ended:
        return owner.has_ended
    now = storage.modified_at(storage.join(own, _LEASE))
    renewed = storage.modified_at(storage.join(folder, _LEASE))
    return now is not None and renewed is not None and now - renewed > _STALE_SECONDS
