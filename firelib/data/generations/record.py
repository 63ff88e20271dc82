"""What is known about a generation: its shards, statistics, counts, and rows set aside, in one file.

The file is a zip archive of a JSON file, Arrow tables and hashes. A member that is damaged does not match its checksum,
so a record is read as it was written, or not at all. Floats are exact.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, Any

import pyarrow as pa
from pydantic import TypeAdapter

from firelib.data.split.leakage import Contents, sample_limit
from firelib.data.split.stored_contents import StoredHashes, read_contents, write_contents
from firelib.data.vocabularies.word_counts import WordFile
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.statistics import Moments

#: Groups whose rows a record counts.
MOST_GROUPS = 1000
_JSON, _SET_ASIDE, _TIMES = "record.json", "set_aside.arrow", "times.arrow"
_SAMPLE = "sample.arrow"  # empty unless the recipe limits drift
_CONTENTS = "contents.bin"  # has checksums of its own, because only a part may be read
_MEMBERS = (_JSON, _SET_ASIDE, _TIMES, _SAMPLE)
_HEADER_BYTES, _LENGTHS = 30, 26  # of a member; where the header has the lengths of the name and of what follows it
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of all members, so that equal records have equal bytes
_OWN_TIMES = "split_time"  # of the rows; other columns of times are named `<split>/<column>`


@dataclass(frozen=True)
class RecordedShard:
    """A shard of a generation.

    Attributes:
        split: The split of its rows.
        shard: The file.
        moments: Feature → moments, for shards of the training split; empty for others.
        words: Feature → file of its distinct strings, for features with too many of them for `moments`.
    """

    split: str
    shard: Shard
    moments: dict[str, Moments]
    words: dict[str, WordFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """Numbers of rows of a generation.

    Attributes:
        rows: Rows before any exclusion.
        excluded: Reason → rows that the recipe excludes.
        splits: Split → valid rows, with those of repeated keys.
        groups: Hash of a group → rows, of the largest groups, if groups decide the split.
        strays: Whether rows have other values of `commit_by` than the generation's commits, or none.
    """

    rows: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    groups: Counter[int] = field(default_factory=Counter)
    strays: bool = False


@dataclass(frozen=True)
class Record:
    """What a dataset needs of a generation.

    Attributes:
        counts: Numbers of rows.
        shards: The shards, in the order of the splits and of the positions of their rows.
        set_aside: Rows set aside, with the reason.
        contents: Split → what may also be in another split.
        times: The first and the last time, if times decide the split.
        stamps: Name of a local file → its time of modification, in ns.
        sample: A sample of the rows, if the recipe limits drift (`quality.trained_sample`).
        generation: Hash of what decides the generation, with the rows of repeated keys.
    """

    counts: Counts
    shards: tuple[RecordedShard, ...]
    set_aside: pa.Table
    contents: dict[str, Contents] = field(default_factory=dict)
    times: tuple[Any, ...] = ()
    stamps: dict[str, int] = field(default_factory=dict)
    sample: pa.Table | None = None
    generation: str | None = None

    @property
    def word_files(self) -> tuple[WordFile, ...]:
        """The files of the strings of all shards."""
        return tuple(file for shard in self.shards for file in shard.words.values())

    @property
    def groups(self) -> Counter[int]:
        """Hash of a group → rows, of the largest groups, if groups decide the split."""
        return self.counts.groups


@dataclass(frozen=True)
class _Json:
    counts: Counts
    shards: tuple[RecordedShard, ...]
    stamps: dict[str, int]
    generation: str | None
    contents: tuple[StoredHashes, ...]


_ADAPTER = TypeAdapter(_Json)


def to_bytes(record: Record) -> bytes:
    """The content of a record's file."""
    stored, contents = write_contents(record.contents)
    values = _ADAPTER.dump_python(_Json(record.counts, record.shards, record.stamps, record.generation, stored))
    members = {
        _JSON: json.dumps(values).encode(),  # Python writes floats exactly, and infinite ones, too
        _SET_ASIDE: _write_table(record.set_aside),
        _CONTENTS: contents,
        _TIMES: _write_table(_tabulate_times(record)),
        _SAMPLE: b"" if record.sample is None else _write_table(record.sample),
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return sink.getvalue()


def from_bytes(content: bytes) -> Record:
    """A record from the content of its file.

    Args:
        content: What `to_bytes` returned.

    Raises:
        ValueError: The content is damaged, or another version of firelib wrote it.
    """
    return read_record(io.BytesIO(content))


def read_record(file: IO[bytes], others: int = 0) -> Record:
    """A record from its file.

    Args:
        file: Has what `to_bytes` returned.
        others: Rows of the dataset in other generations. Hashes that they leave out of the sample are not all read.

    Raises:
        ValueError: The content is damaged, or another version of firelib wrote it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = {name: _read_member(archive, name) for name in _MEMBERS}
            described = _ADAPTER.validate_json(parts[_JSON])
            limit = sample_limit(described.counts.splits.total() + others)
            contents = read_contents(described.contents, limit, _open_contents(archive, file))
        times, split_times = _collect_times(_read_table(parts[_TIMES]))
    except (zipfile.BadZipFile, EOFError, KeyError, OSError, RuntimeError, pa.ArrowException) as error:
        raise ValueError(f"not a record: {error}") from error
    return Record(
        described.counts,
        described.shards,
        _read_table(parts[_SET_ASIDE]),
        {split: replace(each, times=split_times.get(split, {})) for split, each in contents.items()},
        times,
        described.stamps,
        _read_table(parts[_SAMPLE]) if parts[_SAMPLE] else None,
        described.generation,
    )


def _open_contents(archive: zipfile.ZipFile, file: IO[bytes]) -> Callable[[int, int], bytes]:
    """A function that reads a part of the hashes, without the checksum of the whole member."""
    header = archive.getinfo(_CONTENTS).header_offset
    file.seek(header + _LENGTHS)
    lengths = [int.from_bytes(file.read(2), "little") for _ in range(2)]
    begin = header + _HEADER_BYTES + sum(lengths)

    def read(start: int, size: int) -> bytes:
        file.seek(begin + start)
        return file.read(size)

    return read


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member as it is. Damage may call it compressed; each of the libraries for that has errors of its own."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{name} is compressed")
    return archive.read(name)


def _write_table(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _read_table(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


def _tabulate_times(record: Record) -> pa.Table:
    ranges = {f"{split}/{name}": pair for split, each in record.contents.items() for name, pair in each.times.items()}
    return pa.table({name: list(pair) for name, pair in [(_OWN_TIMES, record.times), *ranges.items()] if pair})


def _collect_times(table: pa.Table) -> tuple[tuple[Any, ...], dict[str, dict[str, tuple[Any, Any]]]]:
    own: tuple[Any, ...] = ()
    others: dict[str, dict[str, tuple[Any, Any]]] = {}
    for label in table.column_names:
        split, separator, name = label.partition("/")
        low, high = table[label].to_pylist()
        if separator:
            others.setdefault(split, {})[name] = low, high
        else:
            own = low, high
    return own, others
