"""Keep the lines of .gitignore files that DVC removes with a stage's outputs, and adds again only if it succeeds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib import storage

_FILES = ("data/*/.gitignore", "models/.gitignore")


@contextmanager
def keep_ignored_outputs(project: Path) -> Iterator[None]:
    """Restore the lines that are lost during the block: without them, git would add datasets and models.

    Args:
        project: The project's folder.
    """
    before = {file: _read_lines(file) for pattern in _FILES for file in project.glob(pattern)}
    try:
        yield
    finally:
        for file, lines in before.items():
            if file.parent.is_dir() and set(lines) - set(now := _read_lines(file)):
                more = [line for line in now if line not in lines]
                storage.write_bytes(str(file), "".join(f"{line}\n" for line in (*lines, *more)).encode())


def _read_lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
