"""Decide what of the storage root may go."""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from firelib import storage
from firelib.data.delta_tables import has_pinned, read_part_hashes
from firelib.data_gc.generation_files import StoredRecords, read_records
from firelib.data_gc.references import References
from firelib.data_gc.stored import StoredItem, list_items, superseded_table
from firelib.dataset_store import is_stored_object, list_objects, parse_manifest_name
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import MANIFEST_NAME, read_manifest
from firelib.train.run_spec import INPUTS

_DAY = 86_400.0
_FOLDERS = ("dataset", "table")  # which go as a whole
_SAMPLE = re.compile(r"([0-9a-f]{64})\.parquet")  # named by the manifest of the dataset


@dataclass(frozen=True)
class Decision:
    """What happens to a folder.

    Attributes:
        item: The folder.
        files: Paths of the files that may go, relative to the folder; none if it stays.
        reason: Why it stays or goes.
    """

    item: StoredItem
    files: tuple[str, ...]
    reason: str

    @property
    def nbytes(self) -> int:
        """Bytes that become free."""
        return sum(self.item.sizes[file] for file in self.files)


@dataclass(frozen=True)
class Limits:
    """What may go at all.

    Attributes:
        days: Days for which everything stays that was written.
        runs: Whether runs may go; otherwise all stay, with the datasets that they were trained on.
    """

    days: float
    runs: bool = False


def plan_removal(roots: Sequence[str], references: References, limits: Limits) -> list[Decision]:
    """Compare what the storage root holds with what is needed.

    Args:
        roots: The storage root; and, where shards are on another disk, the folder that has them.
        references: What revisions and the working tree need.
        limits: What may go at all.

    Returns:
        A decision for each folder of shards, records, samples or a dataset, each superseded table and each run.
    """
    found = [_List(root, limits.days) for root in roots]
    items = [item for each in found for item in each.items]
    young = {file for each in found for file in each.find_young()}
    runs = [_decide_run(item, _is_young(item, young), references, limits) for item in items if item.kind == "run"]
    records = [read_records(item) for item in items if item.kind == "records"]
    needs = _Needs(references, [run.item for run in runs if not run.files])
    needs.add_stored_manifests([item for item in items if item.kind == "shards"], young)
    needs.add_young_records(records, young)
    others = [_decide(item, _is_young(item, young), references, needs) for item in items if item.kind in _FOLDERS]
    shards = [_decide_shards(item, young, references, needs) for item in items if item.kind == "shards"]
    samples = [_decide_samples(item, young, references, needs) for item in items if item.kind == "samples"]
    kept = {f"{each.item.name}/{file}" for each in shards for file in each.item.sizes.keys() - set(each.files)}
    return [
        *(_decide_records(each, young, kept, references, needs) for each in records),
        *shards,
        *samples,
        *others,
        *runs,
    ]


class _List:
    """What a storage root holds.

    Args:
        root: The storage root.
        days: Days for which everything stays that was written.
    """

    def __init__(self, root: str, days: float) -> None:
        self.items = list(list_items(root))
        self._now, self._days = storage.read_clock(root) if self.items else None, days

    def find_young(self) -> Iterator[str]:
        """URIs of the files that stay because of their age."""
        for item in self.items:
            for file, written in item.times.items():
                if self._now is None or self._now - written < self._days * _DAY:
                    yield storage.join(item.uri, file)


def _is_young(item: StoredItem, young: Set[str]) -> bool:
    return any(storage.join(item.uri, file) in young for file in item.sizes)


class _Needs:
    """The objects of datasets that must stay, and what is not known of them.

    Args:
        references: What revisions and the working tree need.
        runs: The runs that stay.
    """

    def __init__(self, references: References, runs: list[StoredItem]) -> None:
        self.objects = frozenset[str]().union(*map(list_objects, references.manifests))
        self.manifests = {*(manifest.sha256 for manifest in references.manifests), *references.trained_on}
        self.datasets: dict[str, str] = {}  # hash of a manifest → a run that was trained on it
        self.unknown = list(references.unknown)
        for run in runs:
            try:
                self.datasets[storage.read_json(storage.join(run.uri, INPUTS))["manifest_sha256"]] = run.name
            except (FirelibError, KeyError, TypeError) as error:
                problem = error.headline if isinstance(error, FirelibError) else f"no {INPUTS} of this version"
                self.unknown.append(f"run {run.name}: what it was trained on ({problem})")
        self.manifests |= self.datasets.keys()

    def add_stored_manifests(self, items: Iterable[StoredItem], young: Set[str]) -> None:
        """Keep what manifests beside the shards name, if they are young, or a run that stays was trained on them.

        Args:
            items: The folders of shards.
            young: URIs of the files that stay because of their age.
        """
        for item in items:
            for file in item.sizes:
                uri, name = storage.join(item.uri, file), parse_manifest_name(file)
                if name and (uri in young or name in self.datasets):
                    try:
                        self.objects |= list_objects(read_manifest(uri))
                    except FirelibError as error:
                        self.unknown.append(f"{uri}: {error.headline}")

    def add_young_records(self, records: Iterable[StoredRecords], young: Set[str]) -> None:
        """Keep the shards that young records name: a transform may be about to publish them.

        Args:
            records: The records of all recipes.
            young: URIs of the files that stay because of their age.
        """
        for each in records:
            for file in each.records:
                if storage.join(each.item.uri, file) in young:
                    self.objects |= each.list_shards(file)


def _decide_run(item: StoredItem, is_young: bool, references: References, limits: Limits) -> Decision:
    if not limits.runs:
        return Decision(item, (), "all runs stay (--runs removes those that no model names)")
    if item.name in references.runs:
        return Decision(item, (), "a model of a revision names it")
    if item.name.rpartition("-")[0] not in references.recipes:
        return Decision(item, (), "its recipe is not of this project")
    if references.unknown:
        return Decision(item, (), f"not known: {references.unknown[0]}")
    return _decide_by_age(item, tuple(item.sizes), is_young, "no model of a revision names it")


def _decide(item: StoredItem, is_young: bool, references: References, needs: _Needs) -> Decision:
    if needs.unknown:
        return Decision(item, (), f"not known: {needs.unknown[0]}")
    if item.kind == "table":
        return _decide_table(item, is_young, references)
    files = {f"{item.name}/{file}": file for file in item.sizes}
    unneeded = {path: file for path, file in files.items() if path not in needs.objects}
    if not unneeded:
        return Decision(item, (), "a revision needs it")
    if item.name in needs.datasets:
        return Decision(item, (), f"run {needs.datasets[item.name]} was trained on it")
    if _read_recipe(item) not in references.recipes:
        return Decision(item, (), "its recipe is not of this project")
    return _decide_by_age(item, tuple(sorted(unneeded.values())), is_young, "no revision and no run needs it")


def _decide_shards(item: StoredItem, young: Set[str], references: References, needs: _Needs) -> Decision:
    """Which files of a recipe's shards go: those that no manifest names. Files that firelib did not write stay."""
    paths = {file: f"{item.name}/{file}" for file in item.sizes}
    unneeded = {file for file, path in paths.items() if is_stored_object(path) and path not in needs.objects}
    return _decide_files(item, unneeded, young, references, needs, "no revision and no run needs them")


def _decide_samples(item: StoredItem, young: Set[str], references: References, needs: _Needs) -> Decision:
    """Which samples of a recipe go: those of datasets that nothing needs, and that no model was trained on."""
    named = {file: match[1] for file in item.sizes if (match := _SAMPLE.fullmatch(file))}
    unneeded = {file for file, manifest in named.items() if manifest not in needs.manifests}
    return _decide_files(item, unneeded, young, references, needs, "no revision and no run needs their datasets")


def _decide_records(
    stored: StoredRecords, young: Set[str], kept: Set[str], references: References, needs: _Needs
) -> Decision:
    """Which files about a recipe's generations go: those of shards that go, are gone, or were made again."""
    item = stored.item
    own = {file for file in item.sizes if storage.join(item.uri, file) in young}
    return _decide_files(
        item, stored.find_unneeded(kept, own), young, references, needs, "their shards go, or were made again"
    )


def _decide_files(
    item: StoredItem, unneeded: Set[str], young: Set[str], references: References, needs: _Needs, reason: str
) -> Decision:
    """Decide file by file, in a folder that all datasets of a recipe share."""
    if needs.unknown:
        return Decision(item, (), f"not known: {needs.unknown[0]}")
    if item.name not in references.recipes:
        return Decision(item, (), "its recipe is not of this project")
    if not unneeded:
        return Decision(item, (), "a revision or a run needs them")
    old = tuple(sorted(file for file in unneeded if storage.join(item.uri, file) not in young))
    return Decision(item, old, reason if old else f"{reason}, but they are young")


def _decide_table(item: StoredItem, is_young: bool, references: References) -> Decision:
    recipe, table = item.name.partition("/")[0], superseded_table(item.name)
    lakes = [lake for lake in references.lakes if lake.recipe == recipe]
    if not lakes:
        return Decision(item, (), "its recipe is not of this project")
    try:
        hashes = read_part_hashes(item.uri)
    except FirelibError as error:
        return Decision(item, (), f"cannot be read: {error.headline}")
    if any(has_pinned(hashes, record) for lake in lakes for name, record in lake.tables.items() if name == table):
        return Decision(item, (), "a lake.json of a revision pins it")
    return _decide_by_age(item, tuple(item.sizes), is_young, "no lake.json of a revision pins it")


def _decide_by_age(item: StoredItem, files: tuple[str, ...], is_young: bool, reason: str) -> Decision:
    if item.foreign_file:
        return Decision(item, (), f"firelib did not write {item.foreign_file}")
    return Decision(item, (), f"{reason}, but it is young") if is_young else Decision(item, files, reason)


def _read_recipe(item: StoredItem) -> str | None:
    if MANIFEST_NAME not in item.sizes:
        return None
    try:
        return read_manifest(item.uri).recipe
    except FirelibError:
        return None


def removed(decisions: list[Decision]) -> Iterator[Decision]:
    """The decisions that remove something."""
    return (decision for decision in decisions if decision.files)
