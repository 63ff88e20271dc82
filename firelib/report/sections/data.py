"""The data: versions in the lake, what the newest one changed, the dataset and its splits."""

from collections.abc import Iterator

from firelib.compare.data_versions.data_state import DataState
from firelib.compare.data_versions.difference import TableDifference, compare_tables
from firelib.config import declare_splits
from firelib.data.lake import Lake, TableRecord
from firelib.data.versions.pinned_table import find_tables
from firelib.errors import FirelibError
from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.figures import show_bytes
from firelib.report.project import HASH_DIGITS, ReportedProject


def versions(project: ReportedProject) -> Iterator[Block]:
    """The tables of the lake, the versions of those that grow, and what the newest version changed."""
    lake = project.lake
    if lake is None:
        yield Missing(f"no data: data/{project.name}/lake.json does not exist", project.command("firelib extract"))
        return
    rows = [
        [name, project.shown(record.source), str(record.version), f"{record.rows:,}", record.sha256[:HASH_DIGITS]]
        for name, record in lake.tables.items()
    ]
    yield Table("Tables of the lake", ["table", "source", "newest version", "rows", "SHA-256 of the source"], rows)
    growing = {name: record for name, record in lake.tables.items() if record.version}
    for name, record in growing.items():
        yield Table(f"Versions of {name}", ["version", "added", "new rows", "rows", "SHA-256"], _version_rows(record))
    if growing:
        yield from _last_change(project, lake)


def _version_rows(record: TableRecord) -> list[list[str]]:
    rows, before = [], 0
    for commit in record.commits:
        group = ", ".join(f"{column}={value}" for column, value in commit.group.items()) or "whole"
        digest = commit.sha256[:HASH_DIGITS]
        rows.append([str(commit.version), group, f"{commit.rows - before:,}", f"{commit.rows:,}", digest])
        before = commit.rows
    return rows


def _last_change(project: ReportedProject, lake: Lake) -> Iterator[Block]:
    """The rows of the newest version against those of the version before."""
    newest = {name: record.version for name, record in lake.tables.items()}
    before = {name: max(0, version - 1) for name, version in newest.items()}
    try:
        states = [
            DataState(name, find_tables(lake, versions, project.paths.lake))
            for name, versions in (("before", before), ("newest", newest))
        ]
        difference = compare_tables(states[0], states[1], project.recipe)
    except FirelibError as error:
        yield Missing(
            f"the versions are not compared: {error.headline}", error.remedy or project.command("firelib extract")
        )
        return
    yield _difference_table(difference)


def _difference_table(difference: TableDifference) -> Table:
    rows = [
        [
            changes.table,
            *(f"{count:,}" for count in (changes.before, changes.after, changes.added, changes.removed)),
            f"{changes.changed:,}",
        ]
        for changes in difference.rows
    ]
    columns = ["table", "rows before", "rows now", "added", "removed", "changed"]
    note = "firelib data diff compares any two versions, and the distributions of features."
    return Table("The newest version against the one before", columns, rows, note)


def dataset(project: ReportedProject) -> Iterator[Block]:
    """The splits, what became of the rows, and the features."""
    manifest = project.manifest
    if manifest is None:
        what = f"no dataset: data/{project.name}/tfrecords/manifest.json does not exist"
        yield Missing(what, project.command("firelib transform"))
        return
    declared = declare_splits(project.params.data.split, project.recipe)
    total = max(1, sum(split.rows for split in manifest.splits.values()))
    rows = [
        [
            name,
            f"{split.rows:,}",
            f"{split.rows / total:.1%}",
            declared.get(name, "–"),
            str(len(split.shards)),
            show_bytes(sum(shard.bytes for shard in split.shards)),
        ]
        for name, split in manifest.splits.items()
    ]
    yield Table("Splits", ["split", "rows", "share", "declared", "shards", "size"], rows)
    quality = manifest.quality
    left_out = {"excluded": quality.get("excluded") or {}, "set aside": quality.get("rejected") or {}}
    counts = [[f"{kind}: {why}", f"{count:,}"] for kind, whys in left_out.items() for why, count in whys.items()]
    read = [["read", f"{quality.get('read', 0):,}"]]
    yield Table("What became of the rows", ["", "rows"], [*read, *counts, ["samples", f"{total:,}"]])
    yield Facts(
        {
            "manifest (SHA-256)": manifest.sha256,
            "layout": "fixed" if manifest.record_bytes else "canonical",
            "bytes of a record": manifest.record_bytes,
            "versions of tables": ", ".join(f"{name} {version}" for name, version in manifest.tables.items()),
        }
    )
    features = [
        [
            fitted.feature.name,
            fitted.feature.dtype,
            f"{fitted.missing:,}",
            "–" if fitted.mean is None else f"{fitted.mean:.4g}",
            "–" if fitted.std is None else f"{fitted.std:.4g}",
            f"{len(fitted.vocabulary):,}" if fitted.vocabulary else "–",
        ]
        for fitted in manifest.features
    ]
    columns = ["feature", "dtype", "missing", "mean", "std", "words"]
    yield Table("Features (statistics of the training split)", columns, features)
