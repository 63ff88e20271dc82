"""Write the files of a new project; nothing that is there is overwritten."""

import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from firelib.errors import FirelibError
from firelib.scaffold.project_files import EXECUTABLE


def refuse_existing(folder: Path, paths: Iterable[str]) -> None:
    """Refuse to overwrite files, all of which are named.

    Args:
        folder: The project's folder.
        paths: Paths of the files to write, relative to it.

    Raises:
        FirelibError: A file is there, or a file stands where a folder is needed.
    """
    there = [path for path in paths if (folder / path).exists() or (folder / path).is_symlink()]
    blocked = [
        str(parent)
        for parent in {folder, *(parent for path in paths for parent in (folder / path).parents if parent != folder)}
        if parent.exists() and not parent.is_dir()
    ]
    if there or blocked:
        raise FirelibError(
            f"these files exist already: {', '.join([*there, *blocked])}",
            where=str(folder),
            remedy="choose another folder, or move these files away; other files may stay",
        )


def write_files(folder: Path, texts: Mapping[str, str], copies: Mapping[Path, str]) -> None:
    """Write the files, and copy the data.

    Args:
        folder: The project's folder.
        texts: Path in the project → text.
        copies: File → its path in the project.

    Raises:
        FirelibError: The folder is not writable.
    """
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
            if path in EXECUTABLE:
                (folder / path).chmod(0o755)
        for file, path in copies.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            _copy(file, folder / path)
    except OSError as error:
        raise FirelibError(
            f"cannot write {error.filename or folder}: {error.strerror}",
            where=str(folder),
            remedy="choose a folder that is writable",
        ) from None


def _copy(file: Path, copy: Path) -> None:
    """Copy a file; of an SQLite database in use, also the transactions that are in its log only."""
    logs = [file.with_name(f"{file.name}{suffix}") for suffix in ("-wal", "-journal")]
    if not any(log.is_file() and log.stat().st_size for log in logs):
        shutil.copyfile(file, copy)
        return
    try:
        with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(copy)) as new:
            database.backup(new)
    except sqlite3.Error as error:
        raise FirelibError(
            f"cannot copy the database: {error}",
            where=str(file),
            remedy="close the program that writes it, or leave it where it is: --no-copy",
        ) from None
