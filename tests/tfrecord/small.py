"""Small datasets: one with numbers, words, a picture and a label, and one with texts (canonical layout)."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from firelib.tfrecord.format.manifest import Manifest, Split
from firelib.tfrecord.write.shard_writer import shard_name, write_shard

FEATURES = (
    Feature("number", "float32"),
    Feature("count", "int64", range=(0, 10**6)),
    Feature("word", "string", max_length=6),
    Feature("picture", "uint8", shape=(3, 2)),
)
LABEL = Feature("label", "int64", range=(0, 9))
TEXT_FEATURES = (
    Feature("text", "string"),
    Feature("ids", "int32", ragged=True),
    Feature("score", "float32", optional=True),
)


def columns(rows: int, start: int = 0) -> dict[str, np.ndarray]:
    """Rows of `FEATURES` and the label."""
    index = np.arange(start, start + rows)
    return {
        "number": (index / 7).astype("<f4"),
        "count": index.astype("<i8"),
        "word": np.array([f"w{i}".encode() for i in index], "S6"),
        "picture": (index[:, None, None] + np.arange(6).reshape(3, 2)).astype("u1"),
        "label": (index % 10).astype("<i8"),
    }


def text_table(rows: int) -> pa.Table:
    """Rows of `TEXT_FEATURES` and the label."""
    return pa.table(
        {
            "text": [f"{i} " + "né" * (i % 40) for i in range(rows)],
            "ids": [list(range(i % 5)) for i in range(rows)],
            "score": [None if i % 4 == 0 else i / 3 for i in range(rows)],
            "label": [i % 10 for i in range(rows)],
        }
    )


def write_dataset(folder: Path, *shard_rows: int, split: str = "train") -> Manifest:
    """Write shards of the given numbers of rows, and their manifest; column `count` is the row's number."""
    folder.mkdir(parents=True, exist_ok=True)
    layout, shards, start = build_fixed_layout([*FEATURES, LABEL]), [], 0
    for index, rows in enumerate(shard_rows):
        path = folder / shard_name(split, index, len(shard_rows))
        shards.append(write_shard(path, columns(rows, start), layout))
        start += rows
    manifest = Manifest(
        recipe="small",
        features=tuple(FittedFeature(feature) for feature in FEATURES),
        label=LABEL,
        key=("count",),
        record_bytes=layout.record_bytes,
        splits={split: Split(rows=start, shards=tuple(shards))},
        tables={},
        quality={},
    )
    manifest.write(folder)
    return manifest
