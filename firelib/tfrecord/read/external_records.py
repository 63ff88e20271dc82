"""Open TFRecords of other writers: list the files, index them, and infer the features from a sample."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES, masked_crc
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, Shard, Split
from firelib.tfrecord.format.shard_checks import REMEDY
from firelib.tfrecord.kernels import parse as kernel
from firelib.tfrecord.read.row_ranges import Rows
from firelib.tfrecord.read.shard_files import ShardFiles

_SAMPLE_RECORDS = 100
_DTYPES = {1: "bytes", 2: "float32", 3: "int64"}  # kind of list → dtype


class ExternalFiles(ShardFiles):
    """Shards of another writer: the index comes from a scan, the compression from a file's first bytes."""

    hashed = False

    def offsets(self, index: int) -> Rows:
        """Scan a shard; see `scan_offsets`."""
        return scan_offsets(self.decompressed_path(index), self.uri(index))

    def compression(self, index: int) -> str | None:
        """Compression of a shard as a whole, detected from its first bytes."""
        if index not in self._compressions:
            self._compressions[index] = detect_compression(storage.read_head(self.uri(index), HEADER_BYTES))
        return self._compressions[index]

    @cached_property
    def _compressions(self) -> dict[int, str | None]:
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
    rows, end = kernel.scan(content.ctypes.data, size, np.empty(0, np.int64))
    if end != size:
        raise FirelibError(f"record {rows} is truncated, or the file is not a TFRecord file", where=uri, remedy=REMEDY)
    ends = np.empty(rows, np.int64)
    kernel.scan(content.ctypes.data, size, ends)
    return np.concatenate([[0], ends])


def find_external_files(uri: str) -> tuple[str, list[str]] | None:
    """Find TFRecord files of another writer.

    Args:
        uri: A file, or a folder whose files are all taken, except hidden files and indexes.

    Returns:
        The URI of the folder and the sorted names of the files; None if the URI does not exist or holds a manifest.

    Raises:
        FirelibError: The folder has neither a manifest nor other files.
    """
    if uri.endswith((".json", "/")):
        return None
    fs, path = storage.filesystem(uri)
    if fs.isfile(path):
        folder, _, name = uri.rpartition("/")
        return folder, [name]
    if not fs.isdir(path) or storage.exists(storage.join(uri, MANIFEST_NAME)):
        return None
    files = [entry["name"].rpartition("/")[2] for entry in fs.ls(path, detail=True) if entry["type"] == "file"]
    names = sorted(name for name in files if not name.startswith((".", "_")) and not name.endswith(".index"))
    if not names:
        raise FirelibError(
            "the folder holds neither a manifest nor TFRecord files", where=uri, remedy="check the folder's name"
        )
    return uri, names


def build_external_manifest(
    folder: str, names: Sequence[str], features: Sequence[Feature] | None, label: str | None
) -> Manifest:
    """Build a manifest in memory for TFRecord files of another writer; all rows belong to split `train`.

    Args:
        folder: URI of the folder.
        names: Names of the files, in order.
        features: The features of a record; None infers them from the first records.
        label: Name of the feature that is the label.

    Raises:
        FirelibError: A file is not a TFRecord file, or the features cannot be inferred.
    """
    files = ExternalFiles(folder, [_describe_file(folder, name) for name in names])
    shards = tuple(
        shard.model_copy(update={"rows": len(files.offsets(index)) - 1}) for index, shard in enumerate(files.shards)
    )
    if features is None:
        features = infer_features(files.decompressed_path(0), files.uri(0))
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
    return Shard(name=name, rows=0, bytes=info["size"], xxh128=stamp)


def infer_features(path: Path, uri: str) -> list[Feature]:
    """Infer features from the first records of a local file.

    A feature with one value in each record is a scalar, with equally many an array, otherwise a ragged list; a feature
    that some records lack is optional. Lists of bytes have dtype `bytes`.

    Args:
        path: The file.
        uri: The file to name in an error.

    Returns:
        The features, sorted by name.

    Raises:
        FirelibError: A record is not an Example, a feature has several kinds of lists, or there are no features.
    """
    offsets = scan_offsets(path, uri)[: _SAMPLE_RECORDS + 1]
    with path.open("rb") as file:
        content = file.read(int(offsets[-1]))
    counts: dict[tuple[str, int], Counter[int]] = {}
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        record = content[begin + HEADER_BYTES : end - FOOTER_BYTES]
        for name, kind, items in _list_features(record, uri):
            counts.setdefault((name, kind), Counter())[items] += 1
    repeated = [name for name, seen in Counter(name for name, _ in counts).items() if seen > 1]
    if repeated or not counts:
        what = (
            f"feature {repeated[0]!r} has several kinds of lists" if repeated else "the first records have no features"
        )
        raise FirelibError(what, where=uri, remedy="declare the features: open_dataset(uri, features=[…])")
    return [_build_feature(name, kind, seen, len(offsets) - 1) for (name, kind), seen in sorted(counts.items())]


def _build_feature(name: str, kind: int, seen: Counter[int], records: int) -> Feature:
    """The declaration that fits a feature; `seen` maps the number of its items in a record to a number of records."""
    optional = seen.total() < records
    (items, _), *others = seen.most_common()
    if others or items == 0 or (kind == 1 and items > 1):
        return Feature(name, _DTYPES[kind], ragged=True, optional=optional)
    return Feature(name, _DTYPES[kind], shape=() if items == 1 else (items,), optional=optional)


def _list_features(record: bytes, uri: str) -> list[tuple[str, int, int]]:
    """Name, kind of list and number of items of each feature of a record; slow, for the sample only."""
    found = []
    for features in _read_fields(record, 1, uri):
        for entry in _read_fields(features, 1, uri):
            name = next(iter(_read_fields(entry, 1, uri)), b"").decode(errors="replace")
            for value in _read_fields(entry, 2, uri):
                lists = [(kind, content) for kind in _DTYPES for content in _read_fields(value, kind, uri)]
                found += [(name, kind, _count_items(kind, content, uri)) for kind, content in lists]
    return found


def _count_items(kind: int, content: bytes, uri: str) -> int:
    buffer = np.frombuffer(content + b"\0", np.uint8)
    items, sizes = np.zeros(1, np.int64), np.zeros(1, np.int64)
    if kernel.count(buffer.ctypes.data, kind, np.array([[kind, 0, len(content)]]), items, sizes) >= 0:
        raise _not_an_example(uri)
    return int(items[0])


def _read_fields(message: bytes, number: int, uri: str) -> list[bytes]:
    """The content of each occurrence of a length-delimited field."""
    buffer, at, found = np.frombuffer(message + b"\0", np.uint8), 0, []
    while at < len(message):
        field, wire, first, at = kernel.read_field(buffer.ctypes.data, at, len(message))
        if at < 0:
            raise _not_an_example(uri)
        if field == number and wire == kernel.LENGTH_DELIMITED:
            found.append(message[first:at])
    return found


def _not_an_example(uri: str) -> FirelibError:
    return FirelibError(
        "a record is not a valid tf.train.Example",
        where=uri,
        remedy="check that the file holds tf.train.Example records",
    )
