"""The local sources of a job's recipe: a job that reads them needs the files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from firelib.config import load_params
from firelib.data.databases.address import database_file, is_database
from firelib.data.sources.listing import list_files, local_path
from firelib.dvc_pipeline.source_states import is_local
from firelib.errors import FirelibError
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_selection import ALLOW_FILE, NEVER, CodeSelection, printable
from firelib.project_layout import find_params
from firelib.recipe import Recipe, Source, load_recipe

_READ_SOURCES = ("extract", "run")
_FOLDER = "FIRELIB_SOURCES"


def refuse_unsent_sources(spec: JobSpec, selection: CodeSelection) -> None:
    """Refuse to send a job that reads local sources which it would not get.

    Absolute paths out of the project are not checked: the job's hosts may have them.

    Args:
        spec: The job.
        selection: The files that it would get.

    Raises:
        FirelibError: There are such sources; the error names each, why it is not sent, and what to do.
    """
    if spec.stage not in _READ_SOURCES:
        return
    recipe = load_job_recipe(spec)
    if spec.stage == "run" and f"data/{recipe.name}/lake.json" in selection.files:
        return  # extract is up to date, so the job reads the lake
    found = dict(_find_unsent(recipe, spec, selection))
    if found:
        raise FirelibError(
            "\n".join(
                f"source {name!r}: the job does not get {printable(path)!r}: {reason}"
                for name, (path, reason, _) in found.items()
            ),
            where=f"recipe {recipe.name!r}: sources, and firelib {spec.stage} as a job",
            remedy="; ".join(dict.fromkeys(remedy for _, _, remedy in found.values()))
            + "; or put the file on a web server, Source('https://…', sha256='…')",
        )


def load_job_recipe(spec: JobSpec) -> Recipe:
    """Return the recipe that a job's command selects."""
    project, options = Path(spec.project), _options(spec.command)
    file = project / options.get("--params", "params.yaml")
    wanted = options.get("--recipe")
    reference = load_params(file).recipe if wanted is None or file.is_file() else ""
    if wanted is not None and wanted != reference:
        reference = load_params(find_params(wanted, project)).recipe
    return load_recipe(str(project / reference) if reference.endswith(".py") else reference)


def _options(command: Sequence[str]) -> Mapping[str, str]:
    following = zip(command, (*command[1:], ""), strict=True)
    options = ((*word.partition("="), after) for word, after in following if word.startswith("--"))
    return {name: value if separator else after for name, separator, value, after in options}


def _find_unsent(recipe: Recipe, spec: JobSpec, selection: CodeSelection) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield the name of each source with its path, the reason, and the remedy."""
    project = Path(spec.project)
    sent = {str(Path(name)) for name in selection.files}
    for name, source in recipe.sources.items():
        if source.sha256 and _FOLDER in spec.env:
            continue
        copies = [_locate(path, project) for path in source.copies]
        if any(path is None or path in sent for path in copies):
            continue
        unsent = [path for path in _local_files(source, project) if path is not None and path not in sent]
        if unsent:
            yield name, (unsent[0], *_explain(unsent[0], project, selection))


def _local_files(source: Source, project: Path) -> Iterator[str | None]:
    """The files of the project that a job needs to read a source; None for files elsewhere."""
    for uri in source.uris:
        yield from (_locate(str(path), project) for path in _list_paths(uri, project))
    if source.images and is_local(source):
        yield from (_locate(str(path), project) for path in _list_paths(str(Path(str(source)).parent), project))


def _list_paths(uri: str, project: Path) -> Sequence[Path]:
    if is_database(uri):
        file = database_file(uri)
        return [] if file is None else [file]
    uri = uri.removeprefix("delta+")
    if "://" in uri and not uri.startswith("file://"):
        return []
    path = local_path(uri) or Path()
    try:
        return [local_path(file.uri) or path for file in list_files(Source(uri), project)]
    except FirelibError:  # a folder or pattern without files
        return [path]


def _locate(path: str, project: Path) -> str | None:
    """A path relative to the project; None if it is absolute and not in the project."""
    normal = Path(os.path.normpath(path))  # not resolved: links are a reason of their own
    if not normal.is_absolute():
        return str(normal)
    return str(normal.relative_to(project)) if normal.is_relative_to(project) else None


def _explain(path: str, project: Path, selection: CodeSelection) -> tuple[str, str]:
    """Why a file is not sent, and the remedy."""
    if not (project / path).exists():
        return "there is no such file", "correct the path"
    if Path(path).parts[:1] == ("..",):
        return "it is not in the project", "move it into the project"
    if path in selection.secret:
        return "its name suggests a secret", f"name it in {ALLOW_FILE}"
    if path in selection.links:
        return "it is a link that is not followed", "replace the link by the file"
    never = GitIgnoreSpec.from_lines(NEVER).check_file(path)
    if never.include:
        return f"jobs get no {NEVER[never.index or 0]}", "convert it to CSV, or run the extract here"
    return (
        "git or a .rayignore file ignores it",
        f"let them include it (git add --force {path}, or !/{path} in the ignore file)",
    )
