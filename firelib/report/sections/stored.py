"""Storage: the storage root, the lake, the shards, and what DVC keeps."""

from collections.abc import Iterator

from firelib import storage
from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.figures import show_bytes
from firelib.report.project import HASH_DIGITS, ReportedProject

_MOST_SHARDS = 60


def stored(project: ReportedProject) -> Iterator[Block]:
    """Where the data are, and how large they are."""
    root = project.paths.root
    is_local = storage.is_local(root)
    yield Facts(
        {
            "storage root": project.shown(project.params.storage.root),
            "kind": "a local folder" if is_local else root.partition("://")[0],
            "raw tables": "Delta tables, appended to, one version for each commit",
            "dataset": "TFRecord shards named by their content, and a manifest with their hashes",
        }
    )
    yield from _lake(project)
    manifest = project.manifest
    if manifest is None:
        yield Missing("no shards: there is no manifest", project.command("firelib transform"))
        return
    shards = [(name, shard) for name, split in manifest.splits.items() for shard in split.shards]
    rows = [
        [name, shard.name, f"{shard.rows:,}", show_bytes(shard.bytes), shard.xxh128[:HASH_DIGITS]]
        for name, shard in shards[:_MOST_SHARDS]
    ]
    total = show_bytes(sum(shard.bytes for _, shard in shards))
    yield Table(f"Shards: {len(shards)}, {total}", ["split", "file", "rows", "size", "XXH3"], rows, _more(len(shards)))


def _more(count: int) -> str:
    return f"{count - _MOST_SHARDS} more are in manifest.json." if count > _MOST_SHARDS else ""


def _lake(project: ReportedProject) -> Iterator[Block]:
    if project.lake is None:
        yield Missing("no lake: there is no lake.json", project.command("firelib extract"))
        return
    rows = []
    for name, record in project.lake.tables.items():
        found = storage.sizes(storage.join(project.paths.lake, name), [])
        files = [size or 0 for path, size in found.items() if path.endswith(".parquet")]
        size = show_bytes(sum(files)) if files else "not on this machine"
        rows.append([name, str(len(record.commits)), f"{record.rows:,}", str(len(files)) if files else "–", size])
    yield Table("Delta tables", ["table", "versions", "rows", "files", "size"], rows)
