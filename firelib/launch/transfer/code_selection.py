"""The files of a project that a job gets: code and small inputs; no data, git history, secrets, or files elsewhere."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from firelib.errors import FirelibError
from firelib.launch.secret_content import find_secrets
from firelib.launch.transfer.ignore_files import IgnoreFiles, one_line, parse_patterns
from firelib.launch.transfer.project_files import list_project_files
from firelib.launch.transfer.secret_names import SECRET_NAMES, has_secret_name

#: A file of gitignore patterns: files that are sent although they look like secrets.
ALLOW_FILE = ".fireliballow"
#: Never sent, whatever git and the ignore files say.
NEVER = (
    ".git",
    ".venv",
    ".uv/",
    "__pycache__/",
    ".firelib/",
    ".dvc/cache/",
    ".dvc/tmp/",
    ".dvc/config.local",
    "/storage/",
    "/downloads/",
    "/wandb/",
    "*.tfrecord",
    "*.tfrecord.index",
    "*.parquet",
    "*.[iI][pP][yY][nN][bB]",
)
# Sent although DVC has git ignore them: the outputs of stages that other stages read.
_INPUTS = ("data/*/lake.json", "data/*/tfrecords/manifest.json", "metrics/**/*", "plots/**/*")
_MODELS = "models/**/*"
_NEEDS_MODEL = ("evaluate",)
_IN_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


@dataclass(frozen=True)
class CodeSelection:
    """The files of an archive, and what was left out of it.

    Attributes:
        files: Name in the archive → the file on this machine.
        allowed: Names of files that are sent because ALLOW_FILE names them.
        secret: Files that were left out because of their name.
        links: Links that were left out: they lead to a folder, out of the project, or to a file that is not sent.
        special: FIFOs, sockets and devices, which were left out.
    """

    files: dict[str, Path]
    allowed: list[str]
    secret: list[str]
    links: list[str]
    special: list[str]

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in bytes, by its name in the archive."""
        return {name: path.stat().st_size for name, path in self.files.items()}


def find_largest(sizes: Mapping[str, int], count: int) -> list[str]:
    """Return the names of the largest files.

    Args:
        sizes: Name → size.
        count: Number of files.
    """
    return sorted(sizes, key=lambda name: (-sizes[name], name))[:count]


def excludes(stage: str) -> tuple[str, ...]:
    """Return the .gitignore patterns of files that a stage does not get; only `evaluate` gets the model."""
    return (*_never(stage), *SECRET_NAMES)


def _never(stage: str) -> tuple[str, ...]:
    return NEVER if stage in _NEEDS_MODEL else (*NEVER, "/models/")


def select_code(project: Path, stage: str) -> CodeSelection:
    """Select the files of a project that a job gets.

    Args:
        project: The project's folder.
        stage: The job's stage.

    Returns:
        The files, and what was left out.

    Raises:
        FirelibError: Git cannot list the files.
    """
    return _sort_out(project, _list_wanted(project, stage), parse_patterns(project / ALLOW_FILE))


def refuse_secrets(selection: CodeSelection) -> None:
    """Refuse to send files that contain secrets, that cannot be read, or whose names no archive can hold.

    Raises:
        FirelibError: There are such files; the error names all of them, and shows no secret.
    """
    problems = list(_find_problems(selection))
    if problems:
        raise FirelibError(
            "\n".join(problems),
            where="the files that the job would get",
            remedy="pass secrets with --secret NAME=SOURCE, and list files that the job does not need in .rayignore. "
            f"If a file is no secret, name it in {ALLOW_FILE} (both files: same syntax as .gitignore)",
        )


def _list_wanted(project: Path, stage: str) -> list[str]:
    """Names of the files, links and special files that neither the ignore files nor `NEVER` leave out."""
    never, ignored = GitIgnoreSpec.from_lines(_never(stage)), IgnoreFiles(project, ".rayignore")
    listed = {*list_project_files(project, lambda folder: never.match_file(f"{one_line(folder)}/"))}
    listed.update(_list_inputs(project, stage))
    return sorted(name for name in listed if not (never.match_file(one_line(name)) or ignored.ignores(name)))


def _list_inputs(project: Path, stage: str) -> Iterator[str]:
    for pattern in (*_INPUTS, *([_MODELS] if stage in _NEEDS_MODEL else [])):
        files = (path for path in project.glob(pattern) if path.is_file() and not path.name.startswith("."))
        yield from (str(path.relative_to(project)) for path in files)


def _sort_out(project: Path, names: list[str], allow: GitIgnoreSpec) -> CodeSelection:
    allowed = {name for name in names if allow.match_file(one_line(name))}
    secret = [name for name in names if has_secret_name(name) and name not in allowed]
    root = Path(os.path.realpath(project))
    targets = {name: Path(os.path.realpath(project / name)) for name in names if name not in secret}
    direct = {name: path for name, path in targets.items() if _is_direct(root, name, path)}
    files = {name: path for name, path in direct.items() if _has_type(path, stat.S_ISREG)}
    sent = set(files.values())
    files |= {name: real for name, real in targets.items() if real in sent or _is_cached(real)}
    return CodeSelection(
        dict(sorted(files.items())),
        sorted(allowed & files.keys()),
        secret,
        links=[name for name in targets if name not in files and name not in direct],
        special=[name for name, path in direct.items() if name not in files and _has_type(path, _is_special)],
    )


def _is_direct(root: Path, name: str, real: Path) -> bool:
    """Whether a path is neither a link nor below one; a circle of links leads to itself."""
    return real == root / name and not real.is_symlink()


def _is_cached(real: Path) -> bool:
    """Whether a file is in DVC's cache, to which outputs are links with `cache.type symlink`."""
    return bool(_IN_CACHE.search(real.as_posix())) and _has_type(real, stat.S_ISREG)


def _has_type(path: Path, test: Callable[[int], bool]) -> bool:
    """Whether a path exists and is of a type; git lists files that are gone."""
    try:
        return test(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_special(mode: int) -> bool:
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _find_problems(selection: CodeSelection) -> Iterator[str]:
    for name, path in selection.files.items():
        try:
            name.encode()
            if name not in selection.allowed:
                yield from (f"{printable(name)}, {secret}" for secret in find_secrets(path))
        except UnicodeEncodeError:
            yield f"{printable(name)}: expected a name in UTF-8"
        except OSError as error:
            yield f"{printable(name)}: cannot be read: {error.strerror}"


def format_size(size: int) -> str:
    """Return a size in bytes as KiB or MiB."""
    return f"{size / 2**20:.1f} MiB" if size >= 100 << 10 else f"{size / 1024:.1f} KiB"


def printable(name: str) -> str:
    """Return a file's name for a message; one with line breaks or control characters is quoted."""
    return name if name.isprintable() else ascii(name)
