"""Ephemeral folders for a stage's intermediate files."""

import os
import platform
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from firelib import storage


@contextmanager
def scratch_folder(parent: str) -> Iterator[str]:
    """A new folder below `parent`, removed at the end of the block.

    The name `host.process.random` tells which process uses a folder. Folders of killed processes on this host are
    removed first; folders of other processes stay.
    """
    _remove_leftovers(parent)
    folder = storage.join(parent, f"{platform.node()}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    storage.make_folder(folder)
    try:
        yield folder
    finally:
        with suppress(OSError):  # after Ctrl-C, tasks may still write; then the next run removes the folder
            storage.remove_folder(folder)


def scratch_file(folder: str) -> str:
    """URI of a new file in a folder. If Ray repeats a task, both attempts may write, so each writes its own file."""
    return storage.join(folder, f"{uuid.uuid4().hex}.arrow")


def _remove_leftovers(parent: str) -> None:
    fs, path = storage.filesystem(parent)
    if not fs.exists(path):
        return
    for entry in fs.ls(path, detail=False):
        name = str(entry).rstrip("/").rpartition("/")[2]
        owner, _, _ = name.rpartition(".")
        host, _, process = owner.rpartition(".")
        if host == platform.node() and process.isdigit() and not psutil.pid_exists(int(process)):
            storage.remove_folder(storage.join(parent, name))
