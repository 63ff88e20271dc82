"""The hashes of the dataset: its shards and their indexes, and the manifest that pins them."""

import re
from collections.abc import Iterator
from pathlib import Path

import xxhash

from firelib.report.project import ReportedProject
from firelib.report.verify.check import Check, hash_or_missing
from firelib.tfrecord.format.manifest import index_name

_CHUNK_BYTES = 1 << 20
_REMEDY = "firelib transform makes the shards again"
_NAMED_HASH = re.compile(r"vocabulary-\d+-([0-9a-f]{32})\.json")


def check_dataset(project: ReportedProject) -> Iterator[Check]:
    """Compare every file that the manifest names, and the manifest with what the model was trained on.

    Raises:
        FirelibError: The manifest is not valid.
    """
    manifest, folder = project.manifest, project.paths.tfrecords
    if manifest is None:
        return
    pins = project.shown(project.paths.manifest)
    for shard in [shard for split in manifest.splits.values() for shard in split.shards]:
        yield _check(project, folder / shard.name, shard.xxh128, pins)
        if shard.index_xxh128:
            yield _check(project, folder / index_name(shard.name), shard.index_xxh128, pins)
    for name in manifest.vocabulary_files:
        if match := _NAMED_HASH.fullmatch(name):
            yield _check(project, folder / name, match[1], "its name")
    trained = (project.lineage or {}).get("data", {}).get("manifest_sha256")
    if trained:
        lineage = project.shown(project.paths.model / "lineage.json")
        remedy = "firelib run trains the model on the dataset that is there now"
        yield Check("manifest", pins, str(trained), manifest.sha256, lineage, remedy)


def _check(project: ReportedProject, file: Path, expected: str, pins: str) -> Check:
    return Check("shard", project.shown(file), expected, hash_or_missing(file, xxh128_file), pins, _REMEDY)


def xxh128_file(path: Path) -> str:
    """XXH3 hash of a file, 128 bits in hex."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()
