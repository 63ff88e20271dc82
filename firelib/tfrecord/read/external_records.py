"""Open TFRecords of other writers: index the files, and infer the features."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.feature_inference import FeatureInference
from firelib.tfrecord.format.framing import HEADER_BYTES, masked_crc
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.format.shard_checks import EXTERNAL_REMEDY
from firelib.tfrecord.kernels.frames import scan
from firelib.tfrecord.read.row_ranges import Rows
from firelib.tfrecord.read.shards.shard_files import ShardFiles


class ExternalFiles(ShardFiles):
    """Shards of another writer: the index comes from a scan, the compression from a file's first bytes."""

    hashed = False
    remedy = EXTERNAL_REMEDY

    def offsets(self, index: int) -> Rows:
        """Scan a shard once; see `scan_offsets`."""
        if index not in self._offsets:
            self._offsets[index] = scan_offsets(self.decompressed_path(index), self.uri(index))
        return self._offsets[index]

    def compression(self, index: int) -> str | None:
        """Compression of a shard as a whole, detected from its first bytes."""
        if index not in self._compressions:
            self._compressions[index] = detect_compression(storage.read_head(self.uri(index), HEADER_BYTES))
        return self._compressions[index]

    @cached_property
    def _compressions(self) -> dict[int, str | None]:
        return {}

    @cached_property
    def _offsets(self) -> dict[int, Rows]:
        return {}


def detect_compression(head: bytes) -> str | None:
    """Detect the compression of a file from its first twelve bytes: `gzip`, `zlib` or None.

    A record's length may look like the magic number of a format, but only a TFRecord header has a matching checksum.
    Formats: RFC 1952, section 2.3.1 (gzip); RFC 1950, section 2.2 (zlib).
    """
    if len(head) == HEADER_BYTES and masked_crc(head[:8]) == int.from_bytes(head[8:], "little"):
        return None
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    return "zlib" if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0 else None


def scan_offsets(path: Path, uri: str) -> Rows:
    """Scan a local file for record boundaries.

    Args:
        path: The file.
        uri: The file to name in an error.

    Returns:
        int64 [records + 1]: the offset of each record's frame, and the end of the last.

    Raises:
        FirelibError: The file ends inside a record, or is not a TFRecord file.
    """
    size = path.stat().st_size
    content = np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
    rows, end = scan(content.ctypes.data, size, np.empty(0, np.int64))
    if end != size:
        raise FirelibError(
            f"record {rows} is truncated, or the file is not a TFRecord file", where=uri, remedy=EXTERNAL_REMEDY
        )
    ends = np.empty(rows, np.int64)
    scan(content.ctypes.data, size, ends)
    return np.concatenate([[0], ends])


def build_external_manifest(
    folder: str, names: Sequence[str], features: Sequence[Feature] | None, label: str | None
) -> Manifest:
    """Build a manifest in memory for TFRecord files of another writer; all rows belong to split `train`.

    Args:
        folder: URI of the folder.
        names: Paths of the files below the folder, in order.
        features: The features of a record; None infers them from the records.
        label: Name of the feature that is the label.

    Raises:
        FirelibError: A file is not a TFRecord file of Examples, the features cannot be inferred, or no feature has the
            name of the label.
    """
    files = ExternalFiles(folder, [_describe_file(folder, name) for name in names])
    shards = tuple(
        shard.model_copy(update={"rows": len(files.offsets(index)) - 1}) for index, shard in enumerate(files.shards)
    )
    features = _infer(files) if features is None else _check_first_records(files, features)
    if label is not None and label not in (names := [feature.name for feature in features]):
        raise FirelibError(f"unknown label {label!r}", where=folder, remedy=did_you_mean(label, names))
    labels = [feature for feature in features if feature.name == label]
    return Manifest(
        recipe="",
        features=tuple(FittedFeature(feature) for feature in features if feature.name != label),
        label=labels[0] if labels else None,
        key=(),
        record_bytes=None,
        splits={"train": Split(rows=sum(shard.rows for shard in shards), shards=shards)},
        tables={},
        quality={},
    )


def _describe_file(folder: str, name: str) -> Shard:
    """The manifest's entry for a file, without its number of rows."""
    uri = storage.join(folder, name)
    fs, path = storage.filesystem(uri)
    # The hash of the content is unknown. The storage's metadata (size, time, version) identifies the local copy.
    info = fs.info(path)
    stamp = xxhash.xxh3_128_hexdigest(f"{uri} {sorted(info.items(), key=str)}".encode())
    # Without validation: in a manifest that someone wrote, a name never leaves the folder; here it is a path.
    return Shard.model_construct(name=name, rows=0, bytes=info["size"], xxh128=stamp, index_xxh128=None)


def _infer(files: ExternalFiles) -> list[Feature]:
    inference = FeatureInference()
    for index in range(len(files.shards)):
        inference.add_file(_read(files, index), files.offsets(index), files.uri(index))
    return inference.features(", ".join(files.uri(index) for index in range(len(files.shards))[:3]))


def _check_first_records(files: ExternalFiles, features: Sequence[Feature]) -> Sequence[Feature]:
    """Check before the first batch that the files hold Examples; the features were declared."""
    for index in range(len(files.shards)):
        offsets = files.offsets(index)[:2]
        if len(offsets) == 2:
            FeatureInference().add_file(_read(files, index), offsets, files.uri(index))
    return features


def _read(files: ExternalFiles, index: int) -> npt.NDArray[np.uint8]:
    """A file's records, mapped into memory."""
    path = files.decompressed_path(index)
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
