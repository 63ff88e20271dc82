"""`firelib init`: write a project for a dataset."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from firelib.config import parse_params
from firelib.dvc_pipeline.dvc_file import DvcFile
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import TaskKind, load_recipe
from firelib.scaffold.data.data_source import DataSource, Wish, find_data
from firelib.scaffold.data.differing_files import describe_files
from firelib.scaffold.data.duplicates import describe_duplicates
from firelib.scaffold.data.examples import write_example
from firelib.scaffold.data.missing_words import (
    declare_texts,
    describe_odd_words,
    describe_words,
    read_text_data,
)
from firelib.scaffold.data.structs import describe_structs, flatten_table
from firelib.scaffold.data.written import Reading, describe_reading, read_written
from firelib.scaffold.draft import Draft, describe_draft
from firelib.scaffold.draft_recipe import draft_recipe
from firelib.scaffold.label import LabelDraft, describe_counts, describe_rare
from firelib.scaffold.names import to_project_name
from firelib.scaffold.pictures import describe_broken, draft_pictures
from firelib.scaffold.project_files import FILES, render_files
from firelib.scaffold.recipe_text import render_recipe
from firelib.scaffold.repository import init_repositories
from firelib.scaffold.split.plan import describe_split, plan_split
from firelib.scaffold.split.wish import BY_KEY, SplitWish
from firelib.scaffold.write_files import refuse_existing, write_files

_KINDS_OF_ROWS = {"sqlite": "sql", "duckdb": "sql", "postgresql": "sql", "postgres": "sql", "s3": "s3", "gs": "gcs"}


@dataclass(frozen=True)
class NewProject:
    """A project that has not been written yet.

    Attributes:
        folder: Its folder.
        draft: Its recipe.
        guesses: What was guessed, a line each.
        texts: Path in the project → text.
        copies: File → its path in the project.
    """

    folder: Path
    draft: Draft
    guesses: Sequence[str]
    texts: Mapping[str, str]
    copies: Mapping[Path, str]

    @property
    def paths(self) -> list[str]:
        """Paths of all files to write."""
        return sorted([*self.texts, *self.copies.values()])


def plan_project(
    folder: Path, wish: Wish, labels: Sequence[str], split: SplitWish = BY_KEY, scratch: Path | None = None
) -> NewProject:
    """Look at the data, and draft the files of a project.

    Args:
        folder: The project's folder, which may exist.
        wish: What the user says about the data.
        labels: Columns of the label; empty lets firelib guess.
        split: Columns that decide the split; the hash of the key if it names none.
        scratch: Folder for downloads, which `write_project` copies; by default a new one,
            which stays if there are any.

    Raises:
        FirelibError: The data cannot be read, no recipe suits them, or a file would be overwritten.
    """
    refuse_existing(folder, FILES)  # before a download
    scratch = scratch or Path(tempfile.gettempdir(), f"firelib-init-{uuid4().hex}")
    data = find_data(wish, folder, scratch)
    data, table, is_sample = read_text_data(data, scratch, labels)
    reading = Reading(table) if data.is_pictures else read_written(table)
    name = to_project_name(folder.absolute().name)
    draft = _draft(reading, name, labels, split, data, is_sample)
    used = {old for old in reading.calls if draft.renamed.get(old, old) in draft.calls}
    data = declare_texts(data, [old for old in reading.calls if old in used])
    flat, _ = flatten_table(table)
    division, counts = plan_split(draft, table, reading.table), _class_counts(draft.label, flat)
    guesses = [
        *describe_draft(draft),
        *(describe_broken(data, table) if data.is_pictures and not is_sample else ()),
        *describe_files(data),
        *describe_structs(draft.structs),
        *describe_words(data),
        *describe_reading(reading),
        *describe_odd_words(reading.table, draft.label.columns),
        *describe_rare(counts),
        *describe_duplicates(flat, has_key=not draft.numbered),
        *describe_split(draft, division),
    ]
    texts = {
        "recipe.py": render_recipe(draft, data.expression, data.origin),
        **render_files(draft, division, guesses, _shares(counts), _extras(data), _has_raw(data)),
    }
    texts["dvc.yaml"] = _render_stages(texts, data, folder)
    project = NewProject(folder, draft, guesses, texts, data.copies)
    refuse_existing(folder, project.paths)
    return project


def plan_example(folder: Path, kind: str, scratch: Path) -> NewProject:
    """Draft a project with generated data.

    Args:
        folder: The project's folder, which may exist.
        kind: One of `firelib.scaffold.data.examples.KINDS`.
        scratch: Folder for the data, which `write_project` copies.

    Raises:
        FirelibError: A file would be overwritten.
    """
    origin, labels = write_example(kind, scratch)
    return plan_project(folder, Wish(str(origin), copy=True), labels, scratch=scratch)


def write_project(project: NewProject) -> None:
    """Write a project's files, and make its folder a git repository and a DVC project.

    Args:
        project: What to write.

    Raises:
        FirelibError: The folder is not writable, or git or DVC fails.
    """
    write_files(project.folder, project.texts, project.copies)
    init_repositories(project.folder)


def _draft(
    reading: Reading, name: str, labels: Sequence[str], split: SplitWish, data: DataSource, is_sample: bool
) -> Draft:
    if not data.is_pictures:
        return draft_recipe(reading, name, labels, is_sample, split, data.is_ordered)
    if labels or split.columns:
        raise FirelibError(
            "a folder of pictures has no columns beside the folders' names, which are the label",
            where="--label, --split-by, --split-time",
            remedy="leave out the option, or write a recipe with Source.images, a file with the paths of the pictures",
        )
    return draft_pictures(reading.table, name)


def _class_counts(label: LabelDraft, table: pa.Table) -> Mapping[str, int]:
    if label.task not in (TaskKind.BINARY, TaskKind.MULTICLASS):
        return {}
    return describe_counts(label.columns[0], label, table)


def _shares(counts: Mapping[str, int]) -> Mapping[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def _extras(data: DataSource) -> tuple[str, ...]:
    scheme = data.source.uris[0].partition("://")[0] if "://" in data.source.uris[0] else ""
    suffix = Path(data.source.uris[0]).suffix.lower()
    found = {
        "pictures" if data.is_pictures else "",
        _KINDS_OF_ROWS.get(scheme, ""),
        "excel" if suffix in (".xlsx", ".xls", ".ods", ".xlsb") else "",
    }
    return tuple(sorted(found - {""}))


def _has_raw(data: DataSource) -> bool:
    return any(path.startswith("raw/") for path in data.copies.values())


def _render_stages(texts: Mapping[str, str], data: DataSource, folder: Path) -> str:
    """Load the recipe from a scratch folder, and generate its stages: a draft that does not load is a fault of ours."""
    import yaml

    with tempfile.TemporaryDirectory(prefix="firelib-init-") as scratch:
        file = Path(scratch, "recipe.py")
        file.write_text(texts["recipe.py"], encoding="utf-8")
        try:
            recipe = load_recipe(str(file))
        except FirelibError as error:
            raise FirelibError(
                f"the recipe that firelib drafted does not load: {error.what}",
                where=f"--from {data.origin}",
                remedy="report this as an error of firelib, with the first rows of the data",
            ) from error
        params = parse_params(yaml.safe_load(texts["params.yaml"]), "params.yaml")
    paths = Paths(recipe.name, str(folder / "storage"), folder)
    return DvcFile(recipe, params, paths, folder / "dvc.yaml").render()
