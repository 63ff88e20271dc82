"""A state of a project whose files can be read: the working tree, a folder, a git revision or a DVC experiment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firelib.errors import FirelibError, did_you_mean

_REVISION_DIGITS = 7


@dataclass(frozen=True)
class Snapshot:
    """A state of a project.

    Attributes:
        name: What to call it.
        recipe: Name of the recipe.
        read: Reads a file by its path in the project; None if the state lacks it.
        is_model: Whether it is the folder of a model, whose lineage tells its parameters.
    """

    name: str
    recipe: str
    read: Callable[[str], bytes | None]
    is_model: bool = False


def open_working_tree(project: Path, recipe: str) -> Snapshot:
    """Open the working tree.

    Args:
        project: The project's folder.
        recipe: Name of the recipe.
    """
    return Snapshot("working tree", recipe, lambda path: _read(project / path))


def open_snapshot(name: str, project: Path, recipe: str) -> Snapshot:
    """Open a state by its name.

    Args:
        name: A folder (of a model, such as `models/flights`, or of a project), otherwise a git revision or the name of
            a DVC experiment.
        project: The project's folder, which is the root of a DVC repository.
        recipe: Name of the recipe.

    Raises:
        FirelibError: There is no such folder or revision, or the project is not a DVC repository.
    """
    folder = Path(name)
    return _open_folder(folder, recipe) if folder.is_dir() else _open_revision(name, project, recipe)


def _open_folder(folder: Path, recipe: str) -> Snapshot:
    folder = folder.resolve()
    if not (folder / "lineage.json").is_file():
        return Snapshot(str(folder.name), recipe, lambda path: _read(folder / path))
    if folder.parent.name == "models":
        base = folder.parents[1]
        return Snapshot(f"models/{folder.name}", folder.name, lambda path: _read(base / path), is_model=True)
    prefix = f"models/{recipe}/"
    return Snapshot(
        folder.name,
        recipe,
        lambda path: _read(folder / path.removeprefix(prefix)) if path.startswith(prefix) else None,
        is_model=True,
    )


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _open_revision(name: str, project: Path, recipe: str) -> Snapshot:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo
    from dvc.scm import RevError, resolve_rev

    try:
        with Repo(str(project)) as repo:
            try:
                revision = resolve_rev(repo.scm, name)
            except RevError:
                raise _unknown_revision(name, repo) from None
    except NotDvcRepoError:
        raise FirelibError(
            f"{name!r} is no folder, and {project} is no DVC repository, which could have such a revision",
            where=str(project),
            remedy="name two folders, or run git init and dvc init",
        ) from None
    files = DVCFileSystem(url=str(project), rev=revision)
    is_hash = revision.startswith(name)
    shown = revision[:_REVISION_DIGITS] if is_hash else f"{name} ({revision[:_REVISION_DIGITS]})"
    return Snapshot(shown, recipe, lambda path: _read_from_dvc(files, path))


def _read_from_dvc(files: "object", path: str) -> bytes | None:
    """A file of git, or of DVC if its content is in the cache or the remote."""
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexError

    try:
        content: bytes = files.read_bytes(path)  # type: ignore[attr-defined]  # DVC has no types
    except (OSError, DvcException, DataIndexError, KeyError):
        return None
    return content


def list_names(project: Path) -> list[str]:
    """Names of the states of a project: HEAD, experiments (newest commits first), branches, tags.

    Args:
        project: The project's folder; without DVC or git, it has no such states.
    """
    try:
        from dvc.exceptions import NotDvcRepoError
        from dvc.repo import Repo
    except ImportError:
        return []
    try:
        with Repo(str(project)) as repo:
            return ["HEAD", *_list_experiments(repo), *repo.scm.list_branches(), *repo.scm.list_tags()]
    except NotDvcRepoError:
        return []


def _list_experiments(repo: "object") -> list[str]:
    from dvc.exceptions import DvcException

    try:
        experiments = repo.experiments.ls(all_commits=True)  # type: ignore[attr-defined]  # DVC has no types
    except DvcException:  # a list for people is not worth an error of its own
        return []
    return [experiment[0] for listed in experiments.values() for experiment in listed]


def _has_commits(scm: "object") -> bool:
    from dvc.scm import RevError, resolve_rev

    try:
        return bool(resolve_rev(scm, "HEAD"))
    except RevError:
        return False


def _unknown_revision(name: str, repo: "object") -> FirelibError:
    scm = repo.scm  # type: ignore[attr-defined]
    if not _has_commits(scm):
        return FirelibError(
            f"unknown revision {name!r}: the project's git repository has no commit yet",
            where="the command line",
            remedy='commit the project: git add . && git commit -m "First run"',
        )
    known = {*scm.list_branches(), *scm.list_tags(), *_list_experiments(repo)}
    return FirelibError(
        f"unknown revision {name!r}: no folder, git revision or DVC experiment has this name",
        where="the command line",
        remedy=did_you_mean(name, known),
    )
