"""The hashes of the dataset: its shards and their indexes, and the manifest that pins them."""

import re
from collections.abc import Iterator

import xxhash

from firelib import storage
from firelib.report.project import ReportedProject
from firelib.report.verify.check import Check, hash_stored, leave_out
from firelib.tfrecord.format.manifest import Manifest, index_name

_NAMED_HASH = re.compile(r"vocabulary-\d+-([0-9a-f]{32})\.json")


def check_dataset(project: ReportedProject) -> Iterator[Check]:
    """Compare every file that the manifest names, and the manifest with what the model was trained on.

    Shards of a transform that ran elsewhere are read below the storage root, as training does. If no file of the
    dataset can be reached from this machine, its shards are left out.

    Raises:
        FirelibError: The manifest is not valid, or the bucket cannot be read.
    """
    manifest = project.manifest
    if manifest is None:
        return
    pins = project.locate(project.paths.manifest)
    if project.dataset is None:
        yield leave_out("shard", f"the shards of {pins}", "not on this machine")
    else:
        remedy = f"{project.command('firelib transform')} makes the shards again"
        for name, expected, pinned_by in _list_pins(manifest, pins):
            uri = storage.join(project.dataset, name)
            yield Check("shard", project.locate(uri), expected, hash_stored(uri, xxhash.xxh3_128()), pinned_by, remedy)
    trained = (project.lineage or {}).get("data", {}).get("manifest_sha256")
    if trained:
        lineage = project.locate(project.paths.model / "lineage.json")
        remedy = f"{project.run_command} trains the model on the dataset that is there now"
        yield Check("manifest", pins, str(trained), manifest.sha256, lineage, remedy)


def _list_pins(manifest: Manifest, pins: str) -> Iterator[tuple[str, str, str]]:
    """Name of each file with a hash, the hash, and what pins it."""
    for shard in [shard for split in manifest.splits.values() for shard in split.shards]:
        yield shard.name, shard.xxh128, pins
        if shard.index_xxh128:
            yield index_name(shard.name), shard.index_xxh128, pins
    for name in manifest.vocabulary_files:
        if match := _NAMED_HASH.fullmatch(name):
            yield name, match[1], "its name"
