"""Remove what a plan names, so that a reader sees a whole folder or none, also if this is interrupted."""

import re
from collections.abc import Iterable

from firelib import storage
from firelib.data_gc.plan import Decision
from firelib.tfrecord.format.manifest import MANIFEST_NAME

_FIRST = (MANIFEST_NAME, "finished.json")  # without them, a dataset or a run does not count
_NAMING = re.compile(r"[0-9a-f]{64}\.(json|zip|keys\.json)")  # manifests and records, which name other files
_SHARED = ("shards", "records")  # folders that a transform may be writing into: they stay, also if they are empty


def remove_files(decisions: Iterable[Decision]) -> int:
    """Remove files.

    Args:
        decisions: The folders and their files.

    Returns:
        Bytes that became free.
    """
    freed = 0
    for decision in decisions:
        # A table without its log is none, and a checkpoint without its progress is torn.
        for file in sorted(decision.files, key=lambda file: (not _is_first(file), file)):
            storage.remove_file(storage.join(decision.item.uri, file))
            freed += decision.item.sizes[file]
        is_whole = decision.item.kind not in _SHARED and len(decision.files) == len(decision.item.sizes)
        if is_whole and storage.is_local(decision.item.uri):
            storage.remove_folder(decision.item.uri)
    return freed


def _is_first(file: str) -> bool:
    return (
        file in _FIRST
        or _NAMING.fullmatch(file) is not None
        or file.startswith("_delta_log/")
        or file.endswith("/progress.json")
    )
