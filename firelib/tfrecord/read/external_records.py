"""TFRecords that firelib did not write: found, indexed, and their features inferred from a sample."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES, masked_crc
from firelib.tfrecord.format.manifest import NAME, Manifest, Shard, Split
from firelib.tfrecord.format.shard_checks import REMEDY
from firelib.tfrecord.kernels import parse as kernel
from firelib.tfrecord.read.shard_files import ShardFiles

_SAMPLE = 100
_DTYPES = {1: "bytes", 2: "float32", 3: "int64"}


def is_foreign(uri: str) -> bool:
    """Whether a URI is a TFRecord file, or a folder of them without a manifest."""
    if uri.endswith((".json", "/")):
        return False
    fs, path = storage.filesystem(uri)
    return bool(fs.isfile(path)) or (fs.isdir(path) and not storage.exists(storage.join(uri, NAME)))


class ForeignFiles(ShardFiles):
    """Shards whose index is made by walking through them once, and whose compression is known by their first bytes."""

    hashed = False

    def offsets(self, index: int) -> npt.NDArray[np.int64]:
        return scanned(self.unpacked_path(index), self.uri(index))

    def compression(self, index: int) -> str | None:
        if index not in self._compressions:
            self._compressions[index] = compression_of(storage.read_head(self.uri(index), HEADER_BYTES))
        return self._compressions[index]

    @cached_property
    def _compressions(self) -> dict[int, str | None]:
        return {}


def compression_of(head: bytes) -> str | None:
    """How a file is compressed as a whole, from its first twelve bytes.

    A record's length may look like the mark of a format, but then its checksum follows.
    Formats: RFC 1952, section 2.3.1 (gzip); RFC 1950, section 2.2 (zlib).
    """
    if len(head) == HEADER_BYTES and masked_crc(head[:8]) == int.from_bytes(head[8:], "little"):
        return None
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    return "zlib" if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0 else None


def scanned(path: Path, uri: str) -> npt.NDArray[np.int64]:
    """Where each record of a local file begins, and the end of the last; errors name `uri`.

    Raises:
        FirelibError: The file ends inside a record, or is none of TFRecords.
    """
    size = path.stat().st_size
    content = np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
    rows, end = kernel.scan(content.ctypes.data, size, np.empty(0, np.int64))
    if end != size:
        raise FirelibError(f"record {rows} is cut short, or this is no TFRecord file", where=uri, remedy=REMEDY)
    ends = np.empty(rows, np.int64)
    kernel.scan(content.ctypes.data, size, ends)
    return np.concatenate([[0], ends])


def foreign_manifest(uri: str, features: Sequence[Feature] | None, label: str | None) -> tuple[str, Manifest]:
    """The folder of some TFRecord files, and a manifest that is only in memory; all rows are split `train`.

    Args:
        uri: A file, or a folder whose files are all read, but hidden ones.
        features: What records hold; None infers it from the first records.
        label: Which of the features is the label.
    """
    fs, path = storage.filesystem(uri)
    names = _files_in(uri) if fs.isdir(path) else []
    folder, names = (uri, names) if names else (uri.rpartition("/")[0], [uri.rpartition("/")[2]])
    if fs.isdir(path) and folder != uri:
        raise FirelibError("there are no TFRecord files", where=uri, remedy="check the folder")
    shards = [_shard(folder, name) for name in names]
    if features is None:
        features = infer(ForeignFiles(folder, shards).unpacked_path(0), storage.join(folder, names[0]))
    labels = [feature for feature in features if feature.name == label]
    manifest = Manifest(
        recipe="",
        features=tuple(FittedFeature(feature) for feature in features if feature.name != label),
        label=labels[0] if labels else None,
        key=(),
        record_bytes=None,
        splits={"train": Split(rows=sum(shard.rows for shard in shards), shards=tuple(shards))},
        tables={},
        quality={},
    )
    return folder, manifest


def _files_in(uri: str) -> list[str]:
    """Names of a folder's files, but hidden ones and indices."""
    fs, path = storage.filesystem(uri)
    found = [entry["name"].rpartition("/")[2] for entry in fs.ls(path, detail=True) if entry["type"] == "file"]
    return sorted(name for name in found if not name.startswith((".", "_")) and not name.endswith(".index"))


def _shard(folder: str, name: str) -> Shard:
    uri = storage.join(folder, name)
    fs, path = storage.filesystem(uri)
    # The file's own hash is unknown: what its storage says of it (size, time, version) tells its copies apart.
    info = fs.info(path)
    stamp = xxhash.xxh3_128_hexdigest(f"{uri} {sorted(info.items(), key=str)}".encode())
    shard = Shard(name=name, rows=0, bytes=info["size"], xxh128=stamp)
    rows = len(ForeignFiles(folder, [shard]).offsets(0)) - 1
    return shard.model_copy(update={"rows": rows})


def infer(path: Path, uri: str) -> list[Feature]:
    """The features of the first records of a local file; errors name `uri`.

    One value in each record is a scalar, equally many an array, differently many a list; what some records lack is
    optional. Lists of bytes are `bytes`.
    """
    offsets = scanned(path, uri)[: _SAMPLE + 1]
    with path.open("rb") as file:
        content = file.read(int(offsets[-1]))
    counts: dict[tuple[str, int], Counter[int]] = {}
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        record = content[begin + HEADER_BYTES : end - FOOTER_BYTES]
        for name, kind, items in _described(record):
            counts.setdefault((name, kind), Counter())[items] += 1
    twice = [name for name, seen in Counter(name for name, _ in counts).items() if seen > 1]
    if twice or not counts:
        what = f"{twice[0]!r} has several kinds" if twice else "there are no features to be seen"
        raise FirelibError(what, where=uri, remedy="give features=[…]")
    return [_feature(name, kind, seen, len(offsets) - 1) for (name, kind), seen in sorted(counts.items())]


def _feature(name: str, kind: int, seen: Counter[int], records: int) -> Feature:
    optional = seen.total() < records
    (items, _), *others = seen.most_common()
    if others or items == 0 or (kind == 1 and items > 1):
        return Feature(name, _DTYPES[kind], ragged=True, optional=optional)
    return Feature(name, _DTYPES[kind], shape=() if items == 1 else (items,), optional=optional)


def _described(record: bytes) -> list[tuple[str, int, int]]:
    """(name, kind of list, items) of each feature of one record; only for the sample."""
    found = []
    for features in _parts(record, 1):
        for entry in _parts(features, 1):
            name = next(iter(_parts(entry, 1)), b"").decode(errors="replace")
            for value in _parts(entry, 2):
                found += [(name, kind, _items(kind, content)) for kind in _DTYPES for content in _parts(value, kind)]
    return found


def _items(kind: int, content: bytes) -> int:
    buffer = np.frombuffer(content + b"\0", np.uint8)
    items, sizes = np.zeros(1, np.int64), np.zeros(1, np.int64)
    if kernel.count(buffer.ctypes.data, kind, np.array([[kind, 0, len(content)]]), items, sizes) >= 0:
        raise _no_example()
    return int(items[0])


def _parts(message: bytes, number: int) -> list[bytes]:
    """The contents of a length-delimited field, each time that it is there."""
    buffer, at, found = np.frombuffer(message + b"\0", np.uint8), 0, []
    while at < len(message):
        field, wire, first, at = kernel.next_field(buffer.ctypes.data, at, len(message))
        if at < 0:
            raise _no_example()
        if field == number and wire == kernel.SIZED:
            found.append(message[first:at])
    return found


def _no_example() -> FirelibError:
    return FirelibError("a record is no tf.train.Example", remedy="is it another kind of record?")
