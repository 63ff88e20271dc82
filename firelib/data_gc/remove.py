"""Remove what a plan names, so that a reader sees a whole folder or none, also if this is interrupted."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from firelib import storage
from firelib.console import progress
from firelib.data_gc.plan import Decision
from firelib.tfrecord.format.manifest import MANIFEST_NAME

_FIRST = (MANIFEST_NAME, "finished.json")  # without them, a dataset or a run does not count
_NAMING = re.compile(r"[0-9a-f]{64}\.(json|zip|keys\.json)")  # manifests and records, which name other files
_SHARED = ("shards", "records", "samples")  # folders that a transform may be writing into: they stay, also empty
_REQUESTS = 16  # at the same time: for a bucket, each waits for an answer
_BATCH = 64 * _REQUESTS  # files that are still removed after an interrupt


def remove_files(decisions: Iterable[Decision]) -> int:
    """Remove files.

    Args:
        decisions: The folders and their files.

    Returns:
        Bytes that became free.

    Raises:
        FirelibError: The bucket cannot be used.
    """
    decisions = list(decisions)
    done, freed = 0, 0
    with (
        progress("remove", sum(len(each.files) for each in decisions)) as advance,
        ThreadPoolExecutor(_REQUESTS) as pool,
    ):
        for decision in decisions:
            for batch in _list_batches(decision.files):
                uris = [storage.join(decision.item.uri, file) for file in batch]
                done += len([*pool.map(storage.remove_file, uris)])
                freed += sum(decision.item.sizes[file] for file in batch)
                advance(done)
            if decision.item.kind not in _SHARED and storage.is_local(decision.item.uri):
                _remove_empty_folders(storage.absolute(decision.item.uri))
    return freed


def _list_batches(files: Sequence[str]) -> Iterator[Sequence[str]]:
    """Files to remove at the same time. Without its log, a table is none; without its progress, a step is torn."""
    for is_first in (True, False):
        some = [file for file in files if _is_first(file) is is_first]
        yield from (some[start : start + _BATCH] for start in range(0, len(some), _BATCH))


def _is_first(file: str) -> bool:
    return (
        file in _FIRST
        or _NAMING.fullmatch(file) is not None
        or file.startswith("_delta_log/")
        or file.endswith("/progress.json")
    )


def _remove_empty_folders(path: str) -> None:
    """Remove a folder and those in it. Folders with files that have arrived meanwhile stay."""
    for folder, _, _ in os.walk(path, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
