"""Decide what of the storage root may go."""

from collections.abc import Iterator
from dataclasses import dataclass

from firelib import storage
from firelib.data.delta_tables import matches_record
from firelib.data_gc.references import References
from firelib.data_gc.stored import StoredItem, list_items, superseded_table
from firelib.dataset_store import list_objects
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import MANIFEST_NAME, read_manifest
from firelib.train.run_spec import INPUTS

_DAY = 86_400.0


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


def plan_removal(root: str, references: References, limits: Limits) -> list[Decision]:
    """Compare what the storage root holds with what is needed.

    Args:
        root: The storage root.
        references: What revisions and the working tree need.
        limits: What may go at all.

    Returns:
        A decision for each dataset, superseded table and run.
    """
    now = storage.read_clock(root)
    items = list(list_items(root))
    young = {item.uri for item in items if now is None or now - item.written < limits.days * _DAY}
    runs = [_decide_run(item, item.uri in young, references, limits) for item in items if item.kind == "run"]
    needs = _Needs(root, references, [run.item for run in runs if not run.files])
    others = [_decide(item, item.uri in young, references, needs) for item in items if item.kind != "run"]
    return [*others, *runs]


class _Needs:
    """The objects of datasets that must stay, and what is not known of them.

    Args:
        root: The storage root.
        references: What revisions and the working tree need.
        runs: The runs that stay.
    """

    def __init__(self, root: str, references: References, runs: list[StoredItem]) -> None:
        self.objects = {path: "a revision needs it" for each in references.manifests for path in list_objects(each)}
        self.unknown = list(references.unknown)
        for run in runs:
            try:
                self._add_run(root, run)
            except (FirelibError, KeyError, TypeError) as error:
                problem = error.headline if isinstance(error, FirelibError) else f"no {INPUTS} of this version"
                self.unknown.append(f"run {run.name}: what it was trained on ({problem})")

    def _add_run(self, root: str, run: StoredItem) -> None:
        sha256 = storage.read_json(storage.join(run.uri, INPUTS))["manifest_sha256"]
        uri = storage.join(root, "datasets", sha256, MANIFEST_NAME)
        if storage.exists(uri):  # otherwise its shards are in a project
            reason = f"run {run.name} was trained on it"
            self.objects = {**dict.fromkeys(list_objects(read_manifest(uri)), reason), **self.objects}


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
        return Decision(item, (), needs.objects[next(iter(files))])
    if _read_recipe(item) not in references.recipes:
        return Decision(item, (), "its recipe is not of this project")
    return _decide_by_age(item, tuple(sorted(unneeded.values())), is_young, "no revision and no run needs it")


def _decide_table(item: StoredItem, is_young: bool, references: References) -> Decision:
    recipe, table = item.name.partition("/")[0], superseded_table(item.name)
    lakes = [lake for lake in references.lakes if lake.recipe == recipe]
    if not lakes:
        return Decision(item, (), "its recipe is not of this project")
    records = {
        record.model_dump_json(): record for lake in lakes for name, record in lake.tables.items() if name == table
    }
    try:
        is_needed = any(matches_record(item.uri, record) for record in records.values())
    except FirelibError as error:
        return Decision(item, (), f"cannot be read: {error.headline}")
    if is_needed:
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
