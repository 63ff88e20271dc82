"""Publish a folder atomically: a reader sees the old folder or the new one, never a part."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.errors import FirelibError
from firelib.storage.full_disk import explain_full_disk


@contextmanager
def publish_folder(final: Path) -> Iterator[Path]:
    """A temporary folder to fill. It takes the final name when the block succeeds, and is removed when it fails.

    Args:
        final: The final folder. An existing folder is replaced; of a link, the folder that it leads to.

    Raises:
        FirelibError: The final name belongs to a file, or the disk is full.

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
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final)
    work = _make_temporary_folder(final)
    try:
        with explain_full_disk(str(final)):
            yield work
        _replace_folder(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _make_temporary_folder(final: Path) -> Path:
    """A new folder beside the final one, so that it can be renamed."""
    folder = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".tmp"))
    folder.chmod(0o755)
    return folder


def _remove_leftovers(final: Path) -> None:
    """Remove the temporary folders of killed processes.

    The random part of a temporary name has no dot, so the pattern for `a` does not match the folders of `a.b`.
    """
    ours = re.compile(rf"\.{re.escape(final.name)}\.[^.]+\.tmp")
    for path in final.parent.iterdir():
        if ours.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _replace_folder(work: Path, final: Path) -> None:
    """Replace a folder by renaming, so that a reader never sees a folder that is partly removed."""
    if not final.exists():
        work.replace(final)
        return
    old = _make_temporary_folder(final)
    final.replace(old)  # replaces the empty folder
    try:
        work.replace(final)
    except OSError:
        old.replace(final)
        raise
    shutil.rmtree(old)
