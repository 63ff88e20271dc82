"""manifest.json: what a dataset holds. It is written last, so a dataset with a manifest is whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.fixed_layout import FixedLayout, fixed_layout, is_fixed

NAME = "manifest.json"

_BLOCK_BYTES, _BLOCK_ROWS = 256 << 10, 256


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shard(_Part):
    """One file.

    name: File name beside the manifest.
    xxh128: XXH3 hash of the file, 128 bits in hex. It finds damage and mix-ups at the speed of memory, where SHA-256
        would take longer than all else in writing; it is no proof against forgery.
    index_xxh128: Hash of the file `name` + `.index`, which says where each record begins (canonical layout).
    """

    name: str = Field(pattern=r"^[^/\\]+$")  # never outside the manifest's folder
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    xxh128: str
    index_xxh128: str | None = None


def index_name(shard: str) -> str:
    """The file beside a shard that says where its records begin (canonical layout)."""
    return f"{shard}.index"


class Split(_Part):
    """The shards of one split, in order: row *i* of the split is row *i* of their concatenation."""

    rows: int
    shards: tuple[Shard, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> "Split":
        total = sum(shard.rows for shard in self.shards)
        if total != self.rows:
            raise ValueError(f"it has {self.rows} rows, its shards have {total}")
        return self

    @property
    def row_bytes(self) -> float:
        """Mean bytes of a row in the files."""
        return sum(shard.bytes for shard in self.shards) / max(1, self.rows)

    @property
    def block_rows(self) -> int:
        """Rows of a block of the order: about 256 KiB of the files, 256 rows at most."""
        fitting = int(_BLOCK_BYTES / max(1.0, self.row_bytes))
        return int(min(_BLOCK_ROWS, 1 << max(0, fitting.bit_length() - 1)))


class Manifest(_Part):
    """A dataset: features, statistics, shards, and what it was made from.

    features: Every feature with its statistics on the training split; the label is not among them.
    label: What is predicted; null for a dataset without one.
    record_bytes: Length of each record in the fixed layout; null in the canonical one.
    compression: How shards are compressed as a whole; null is not at all.
    tables: Table → version that was read.
    quality: Rows read, excluded and rejected, by reason.
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
        """All that a record holds: the features, and the label after them."""
        return [*(fitted.feature for fitted in self.features), *([self.label] if self.label else [])]

    @property
    def layout(self) -> FixedLayout | None:
        """The fixed layout, or None for the canonical one."""
        return fixed_layout(self.columns) if is_fixed(self.columns) else None

    @property
    def fitted(self) -> Mapping[str, FittedFeature]:
        return {fitted.feature.name: fitted for fitted in self.features}

    @property
    def sha256(self) -> str:
        """The dataset's identity: every shard's hash is in it."""
        return storage.sha256_json(self.model_dump(mode="json"))

    def split(self, name: str) -> Split:
        if name not in self.splits:
            known = ", ".join(self.splits)
            raise FirelibError(f"there is no split {name!r}", where=NAME, remedy=f"splits here: {known}")
        return self.splits[name]

    def write(self, folder: Path) -> None:
        storage.write_bytes(str(folder / NAME), self.to_json())

    def to_json(self) -> bytes:
        return storage.to_json(self.model_dump(mode="json"))


def read_manifest(uri: str) -> Manifest:
    """The manifest at a URI (the file, or the folder that holds it).

    Raises:
        FirelibError: It is missing, or is no manifest that this version reads.
    """
    uri = uri if uri.endswith(".json") else storage.join(uri, NAME)
    content = storage.read_json(uri)
    try:
        manifest = Manifest.model_validate(content)
    except (ValidationError, FirelibError) as error:
        if isinstance(error, FirelibError):  # a feature that this version does not know
            raise FirelibError(str(error), where=uri, remedy="run firelib transform again") from None
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise FirelibError(f"not a manifest: {wrong}", where=uri, remedy="run firelib transform again") from None
    expected = manifest.layout.record_bytes if manifest.layout else None
    if expected != manifest.record_bytes:
        raise FirelibError(
            f"its records have {manifest.record_bytes} bytes, its features need {expected}",
            where=uri,
            remedy="run firelib transform again",
        )
    return manifest
