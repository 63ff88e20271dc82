"""Which options of the recipe's sources apply to a file with rows to score."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from firelib.data.formats.csv import CSV
from firelib.data.formats.excel import EXCEL
from firelib.data.formats.format import Format
from firelib.data.formats.idx import IDX
from firelib.data.formats.parquet import PARQUET
from firelib.data.sources.load_table import IMAGES
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Recipe, Source

_OPTIONS = ("null_values", "csv", "sheet", "format", "images")


def select_options(recipe: Recipe, name: str | None, path: Path) -> Source:
    """The options for a file.

    Args:
        recipe: Its sources declare options.
        name: Name of the source whose options apply; None if all sources that have such files have the same ones.
        path: The file; its name tells which options matter.

    Returns:
        A source with the options that say how a file is read, and none of those that say where it comes from.

    Raises:
        FirelibError: The source is unknown, or the sources have different options.
    """
    if name is not None and name not in recipe.sources:
        remedy = did_you_mean(name, recipe.sources)
        raise FirelibError(f"unknown source {name!r}", where="--source", remedy=remedy)
    sources = recipe.sources if name is None else {name: recipe.sources[name]}
    found = {option: _find_values(option, list(sources.values()), path) for option in _OPTIONS}
    kinds = {(column, kind) for source in sources.values() for column, kind in source.types.items()}
    differing = [option for option, values in found.items() if len(values) > 1]
    defaults = {(column, value) for source in sources.values() for column, value in source.defaults.items()}
    differing += ["types"] if len(dict(kinds)) < len(kinds) else []
    differing += ["defaults"] if len(dict(defaults)) < len(defaults) else []
    if differing:
        named = "; ".join(f"{name}: {_describe(source, differing)}" for name, source in sources.items())
        raise FirelibError(
            f"the recipe's sources have different options ({named})",
            where=f"recipe {recipe.name!r}: sources",
            remedy="name the source whose options apply: firelib predict --source NAME",
        )
    options: dict[str, Any] = {option: next(iter(values)) for option, values in found.items() if values}
    options |= {"types": dict(kinds), "defaults": dict(defaults)}
    return Source(str(path), partitioned=any(source.partitioned for source in sources.values()), **options)


def _find_values(option: str, sources: Sequence[Source], path: Path) -> set[Any]:
    """The different values of an option that matters for a file."""
    if option == "null_values":
        return {source.null_values for source in sources}
    if option == "format":
        tells = any(kind.matches_name(path.name) for kind in (CSV, IDX, PARQUET))
        return set() if tells else {source.format for source in sources} - {None, IMAGES}
    if option == "images":
        return {source.images for source in sources} - {None}
    kind = CSV if option == "csv" else EXCEL
    others = (other for other in (CSV, EXCEL, IDX, PARQUET) if other is not kind)
    if any(other.matches_name(path.name) for other in others):
        return set()
    return {getattr(source, option) for source in _users(option, sources, kind)}


def _users(option: str, sources: Sequence[Source], kind: Format) -> Iterator[Source]:
    """The sources that declare an option, and those with files for which its default is in use."""
    for source in sources:
        names = [PurePosixPath(uri).name for uri in source.uris]
        if getattr(source, option) is not None or source.format == kind.name or any(map(kind.matches_name, names)):
            yield source


def _describe(source: Source, options: Sequence[str]) -> str:
    values = {option: getattr(source, option) for option in options}
    shown = {option: dict(value) if isinstance(value, Mapping) else value for option, value in values.items()}
    return ", ".join(
        f"{option}={list(value) if isinstance(value, tuple) else value}" for option, value in shown.items()
    )
