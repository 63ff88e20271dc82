"""manifest.json: the description of a dataset. It is written last, so a dataset with a manifest is complete."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.recipe.vocabulary import StoredVocabulary
from firelib.tfrecord.format.fixed_layout import (
    MOST_FEATURES,
    FixedLayout,
    build_fixed_layout,
    fixed_record_bytes,
    has_fixed_layout,
    validate_features,
)
from firelib.tfrecord.format.framing import framed_bytes

MANIFEST_NAME = "manifest.json"

_REMEDY = "run firelib transform again"
_FOREIGN = "if another writer left it beside TFRecords, open these with a pattern: open_dataset('folder/*.tfrecord')"

_BLOCK_BYTES, _BLOCK_ROWS = 256 << 10, 256
_MOST = 1 << 60  # rows and bytes: sums of a few of them fit into 64 bits
_HASH = "^[0-9a-f]{32}$"
_GZIP_RATIO = 1032  # the most that deflate can save (zlib's technical details)


class _FrozenModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shard(_FrozenModel):
    """One file of a split.

    Attributes:
        name: File name, relative to the manifest's folder.
        rows: Number of records.
        bytes: Size of the file.
        xxh128: XXH3 hash of the file, 128 bits in hex. It detects damage and mixed-up files at memory speed, where
            SHA-256 would take longer than writing the file. It does not protect against forgery.
        index_xxh128: Hash of the index file `<name>.index`, which holds the offset of each record (canonical layout).
    """

    # No path separators, and not `.` or `..`: a shard never lies outside the manifest's folder.
    name: str = Field(pattern=r"^([^/\\\x00.]|\.+[^/\\\x00.])[^/\\\x00]*$")
    rows: int = Field(ge=0, le=_MOST)
    bytes: int = Field(ge=0, le=_MOST)
    xxh128: str = Field(pattern=_HASH)  # also names the local copies of the shard
    index_xxh128: str | None = Field(default=None, pattern=_HASH)


def index_name(shard: str) -> str:
    """Name of a shard's index file, which holds the offset of each record (canonical layout)."""
    return f"{shard}.index"


class Split(_FrozenModel):
    """The shards of one split, in order: row *i* of the split is row *i* of their concatenation.

    Attributes:
        rows: Number of rows in all shards.
        shards: The files.
    """

    rows: int
    shards: tuple[Shard, ...]

    @model_validator(mode="after")
    def _check_rows(self) -> "Split":
        total = sum(shard.rows for shard in self.shards)
        if total != self.rows:
            raise ValueError(f"expected {self.rows} rows in the shards, got {total}")
        return self

    @cached_property
    def row_bytes(self) -> float:
        """Mean bytes of a row in the files."""
        return sum(shard.bytes for shard in self.shards) / max(1, self.rows)

    @cached_property
    def block_rows(self) -> int:
        """Rows of a block of the epoch order: a power of two, about 256 KiB of the files, and at most 256 rows."""
        fitting = int(_BLOCK_BYTES / max(1.0, self.row_bytes))
        return int(min(_BLOCK_ROWS, 1 << max(0, fitting.bit_length() - 1)))


class Manifest(_FrozenModel):
    """The description of a dataset: features, statistics, shards, and the inputs it was made from.

    Attributes:
        format: Version of this format.
        recipe: Name of the recipe; empty for datasets of `write_tfrecords`.
        features: Every feature with its statistics on the training split, without the label.
        label: The feature to predict; null for a dataset without one.
        key: Columns that identify a row.
        record_bytes: Length of each record in the fixed layout; null in the canonical layout.
        compression: Compression of each shard as a whole; null if shards are not compressed.
        splits: Split name → its shards.
        tables: Raw table → version that was read.
        quality: Rows read, excluded and set aside, by reason.

    Example:
        >>> import tempfile
        >>> from firelib import Feature, write_tfrecords
        >>> from firelib.tfrecord.format.manifest import read_manifest
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_tfrecords({"x": [1, 2, 3]}, f"{folder}/data", [Feature("x", "int64")])
        ...     manifest = read_manifest(f"{folder}/data")
        >>> manifest.split("train").rows
        3
        >>> [shard.name for shard in manifest.split("train").shards]
        ['train-00000-of-00001.tfrecord']
        >>> [feature.name for feature in manifest.columns]
        ['x']
    """

    format: Literal[1] = 1
    recipe: str
    features: tuple[FittedFeature, ...]
    label: Feature | None
    key: tuple[str, ...]
    record_bytes: int | None
    compression: Literal["gzip"] | None = None
    splits: dict[str, Split]
    tables: dict[str, int]
    quality: dict[str, Any]

    @property
    def columns(self) -> list[Feature]:
        """The features of a record: the model's features, then the label."""
        return [*(fitted.feature for fitted in self.features), *([self.label] if self.label else [])]

    @cached_property
    def layout(self) -> FixedLayout | None:
        """The fixed layout; None if the dataset has the canonical one."""
        return build_fixed_layout(self.columns) if has_fixed_layout(self.columns) else None

    @property
    def file_names(self) -> frozenset[str]:
        """Names of all files of the dataset: shards, their indexes, large vocabularies, and the manifest."""
        shards = [shard for split in self.splits.values() for shard in split.shards]
        indexes = [index_name(shard.name) for shard in shards if shard.index_xxh128]
        return frozenset({MANIFEST_NAME, *(shard.name for shard in shards), *indexes, *self.vocabulary_files})

    @property
    def vocabulary_files(self) -> list[str]:
        """Names of the files of the vocabularies that are too large for the manifest."""
        stored = (fitted.vocabulary for fitted in self.features)
        return [vocabulary.file for vocabulary in stored if isinstance(vocabulary, StoredVocabulary)]

    @model_serializer(mode="wrap")
    def _omit_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Features without a cap on their vocabulary have the entry that earlier versions of firelib wrote."""
        members: dict[str, Any] = serialize(self)
        for fitted in members["features"]:
            if not fitted["cut_words"]:
                del fitted["cut_words"]
            if isinstance(fitted["vocabulary"], dict):
                del fitted["vocabulary"]["folder"]
        for column in [*(fitted["feature"] for fitted in members["features"]), members["label"]]:
            if column and column["max_words"] is None:
                del column["max_words"]
        return members

    @property
    def fitted(self) -> Mapping[str, FittedFeature]:
        """Feature name → feature with its statistics, without the label."""
        return {fitted.feature.name: fitted for fitted in self.features}

    @property
    def sha256(self) -> str:
        """The dataset's identity: the hash of the manifest, which contains every shard's hash."""
        return storage.sha256_json(self.model_dump(mode="json"))

    def split(self, name: str) -> Split:
        """The split of a name.

        Raises:
            FirelibError: The dataset has no such split.
        """
        if name not in self.splits:
            known = ", ".join(self.splits)
            raise FirelibError(f"unknown split {name!r}", where=MANIFEST_NAME, remedy=f"use one of: {known}")
        return self.splits[name]

    def write(self, folder: Path) -> None:
        """Write the manifest into a local folder."""
        storage.write_bytes(str(folder / MANIFEST_NAME), self.to_json())

    def to_json(self) -> bytes:
        """The content of manifest.json."""
        return storage.to_json(self.model_dump(mode="json"))


def read_manifest(uri: str) -> Manifest:
    """Read a manifest from a URI: the file, or the folder that holds it.

    Raises:
        FirelibError: The manifest is missing, or this version cannot read it.
    """
    uri = uri if uri.endswith(".json") else storage.join(uri, MANIFEST_NAME)

    def check(content: bytes) -> None:
        """Refuse far too many features before seconds are spent on parsing them. A name may be `dtype`, too."""
        count = content.count(b'"dtype"')
        if count > 2 * MOST_FEATURES:
            raise _too_many_features(count, uri)

    return _locate_vocabularies(parse_manifest(storage.read_json(uri, check), uri), uri.rpartition("/")[0])


def _locate_vocabularies(manifest: Manifest, folder: str) -> Manifest:
    """The manifest, whose stored vocabularies know the folder of their files."""
    if not manifest.vocabulary_files:
        return manifest
    features = [
        replace(fitted, vocabulary=replace(fitted.vocabulary, folder=folder))
        if isinstance(fitted.vocabulary, StoredVocabulary)
        else fitted
        for fitted in manifest.features
    ]
    return manifest.model_copy(update={"features": tuple(features)})


def _too_many_features(count: int, uri: str) -> FirelibError:
    return FirelibError(f"expected at most {MOST_FEATURES} features, got {count}", where=uri, remedy=_REMEDY)


def parse_manifest(content: Any, uri: str) -> Manifest:
    """Validate the content of a manifest.json.

    Args:
        content: The parsed JSON.
        uri: The file to name in an error.

    Raises:
        FirelibError: The content is not a manifest, or does not match its own features.
    """
    features = content.get("features") if isinstance(content, dict) else None
    if isinstance(features, list) and len(features) > MOST_FEATURES:
        raise _too_many_features(len(features), uri)
    try:
        manifest = Manifest.model_validate(content)
        validate_features(manifest.columns)
        problem = _find_contradiction(manifest)
    except FirelibError as error:  # a feature that this version does not know, or that no record can hold
        what = f"{error.where}: {error.what}" if error.where else error.what
        raise FirelibError(what, where=uri, remedy=_REMEDY) from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise FirelibError(f"not a valid manifest: {wrong}", where=uri, remedy=f"{_REMEDY}; {_FOREIGN}") from None
    if problem:
        raise FirelibError(problem, where=uri, remedy=_REMEDY)
    return manifest


def _find_contradiction(manifest: Manifest) -> str | None:
    """What a manifest says that cannot be true, found without any memory in proportion to it."""
    columns = manifest.columns
    expected = fixed_record_bytes(columns) if has_fixed_layout(columns) else None
    if expected != manifest.record_bytes:
        return f"record_bytes: the features need {expected} bytes, got {manifest.record_bytes} bytes"
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    for shard in shards:
        least = shard.rows * framed_bytes(expected or 0)
        is_wrong = least > shard.bytes * _GZIP_RATIO if manifest.compression else least > shard.bytes
        if is_wrong or (expected is not None and not manifest.compression and least != shard.bytes):
            return f"shard {shard.name}: {shard.rows} rows need {least} bytes, got {shard.bytes} bytes"
    names = Counter(shard.name for shard in shards)
    repeated = [name for name, count in names.items() if count > 1]
    return f"shard {repeated[0]} is listed more than once" if repeated else None
