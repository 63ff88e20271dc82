"""Publish a folder atomically: a reader sees the old folder or the new one, never a part."""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.errors import FirelibError
from firelib.storage.durable import make_durable_folder, sync_folder, sync_tree
from firelib.storage.full_disk import explain_full_disk
from firelib.storage.owner import Owner

_WORK, _OLD = "tmp", "old"  # suffixes of a folder being written, and of one being replaced
_MOST_NAMED = 5


@contextmanager
def publish_folder(final: Path, is_own: Callable[[str], bool] | None = None) -> Iterator[Path]:
    """A temporary folder to fill. It takes the final name when the block succeeds, and is removed when it fails.

    The result is durable: files and names survive a power failure that follows the block.

    Args:
        final: The final folder. An existing folder is replaced; of a link, the folder that it leads to.
        is_own: Whether firelib wrote an entry of the existing folder, by its name. An existing folder with other
            entries is not replaced. Without it, all entries are replaced.

    Raises:
        FirelibError: The final name belongs to a file, the folder holds entries that are not firelib's, or the disk is
            full.

    Example:
        >>> import tempfile
        >>> model = Path(tempfile.mkdtemp()) / "model"
        >>> with publish_folder(model) as folder:
        ...     _ = (folder / "weights.json").write_text("{}")
        >>> [path.name for path in model.iterdir()]
        ['weights.json']
    """
    final = final.resolve()
    if final.exists() and not final.is_dir():
        raise FirelibError("expected a folder, got a file", where=str(final), remedy="move the file away")
    make_durable_folder(final.parent)
    _clean_up(final)
    if is_own:
        refuse_others(final, is_own)
    work = _make_temporary_folder(final, _WORK)
    try:
        with explain_full_disk(str(final)):
            yield work
            sync_tree(work)
        if is_own:  # files may have arrived in the meantime
            refuse_others(final, is_own)
        _replace_folder(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def refuse_files(names: list[str], where: str) -> None:
    """Refuse to replace a folder because of files that are not firelib's.

    Args:
        names: Names of these files.
        where: The folder.

    Raises:
        FirelibError: There is a name; the error lists up to five.
    """
    if names:
        more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
        raise FirelibError(
            f"the folder holds files that firelib did not write: {', '.join([*sorted(names)[:_MOST_NAMED], *more])}",
            where=where,
            remedy="move them away, or choose an empty or a new folder",
        )


def refuse_others(final: Path, is_own: Callable[[str], bool]) -> None:
    """Refuse to replace a folder that holds entries that are not firelib's; call it before long work, too.

    Args:
        final: The folder, which may be missing.
        is_own: Whether firelib wrote an entry, by its name.

    Raises:
        FirelibError: There are other entries.
    """
    if final.exists():
        with os.scandir(final) as entries:
            refuse_files([entry.name for entry in entries if not is_own(entry.name)], str(final))


def _make_temporary_folder(final: Path, suffix: str) -> Path:
    """A new folder beside the final one, so that it can be renamed. The name tells whose it is."""
    folder = final.with_name(f".{final.name}.{Owner.current().token}.{uuid.uuid4().hex[:8]}.{suffix}")
    folder.mkdir()  # with the rights of any new folder, unlike `tempfile.mkdtemp`
    return folder


def _clean_up(final: Path) -> None:
    """Undo and remove what processes left behind that are known to have ended.

    A folder that was moved away to be replaced takes its name back if the new one never got it.
    """
    name = re.compile(rf"\.{re.escape(final.name)}\.([^.]+)\.[^.]+\.({_WORK}|{_OLD})")
    for path in final.parent.iterdir():
        match = name.fullmatch(path.name)
        owner = Owner.parse(match[1]) if match else None
        if not match or owner is None or not owner.has_abandoned(path) or not path.is_dir() or path.is_symlink():
            continue
        if match[2] == _OLD and not final.exists() and any(path.iterdir()):
            path.replace(final)
        else:
            shutil.rmtree(path, ignore_errors=True)  # another process may remove it, too


def _replace_folder(work: Path, final: Path) -> None:
    """Replace a folder by renaming, so that a reader never sees a folder that is partly removed."""
    if not final.exists():
        work.replace(final)
        sync_folder(final.parent)
        return
    old = _make_temporary_folder(final, _OLD)
    final.replace(old)  # replaces the empty folder
    try:
        work.replace(final)
    except OSError:
        old.replace(final)
        raise
    sync_folder(final.parent)
    # Under this name it is never put back. On NFS, files that are open may stay behind.
    shutil.rmtree(old.replace(old.with_suffix(f".{_WORK}")), ignore_errors=True)
