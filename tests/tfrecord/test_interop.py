"""Other readers read firelib's files, and firelib reads the files of other writers."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from firelib import Feature, open_dataset, write_tfrecords

ROWS = 40
SHAPED = Feature("picture", "uint8", shape=(2, 3))
FIXED = (Feature("id", "int64"), Feature("real", "float32"), SHAPED, Feature("word", "string", max_length=5))
CANONICAL = (
    Feature("id", "int64"),
    Feature("real", "float32"),
    Feature("text", "string"),
    Feature("raw", "bytes"),
    Feature("ids", "int64", ragged=True),
    Feature("odd", "int64", optional=True),
)
LAYOUTS = {"fixed": FIXED, "canonical": CANONICAL}


def table(features: tuple[Feature, ...]) -> pa.Table:
    """Rows for all features: negative and large numbers, NUL inside bytes, empty and missing values."""
    columns: dict[str, Any] = {
        "id": [(-1) ** row * row * 10**15 for row in range(ROWS)],
        "real": pa.array(np.arange(ROWS, dtype="f4") / 7),
        "picture": [[row, *range(5)] for row in range(ROWS)],
        "word": [f"w{row}" for row in range(ROWS)],
        "text": ["né" * (row % 4) for row in range(ROWS)],
        "raw": [bytes([row, 0, 255]) for row in range(ROWS)],
        "ids": [list(range(row % 3 + 2)) for row in range(ROWS)],
        "odd": [row if row % 2 else None for row in range(ROWS)],
    }
    return pa.table({feature.name: columns[feature.name] for feature in features})


def write(folder: Path, layout: str, compression: Any = None) -> list[str]:
    """Write a dataset and return its files, in order."""
    features = LAYOUTS[layout]
    write_tfrecords(table(features), str(folder), features, shard_mib=0.002, compression=compression)
    files = sorted(str(path) for path in folder.glob("*.tfrecord*") if path.suffix != ".index")
    assert len(files) > 1
    return files


def expected(layout: str) -> list[dict[str, Any]]:
    """Rows as another reader sees them: strings and pictures as bytes, short strings padded."""
    rows = table(LAYOUTS[layout]).to_pylist()
    for row in rows:
        for name, stored in {"picture": bytes, "word": lambda word: word.encode().ljust(5, b"\0")}.items():
            if name in row:
                row[name] = stored(row[name])
        if "text" in row:
            row["text"] = row["text"].encode()
    return rows


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_ray_data_reads_firelib_files(tmp_path: Path, ray_cluster: None, layout: str, compression: Any) -> None:
    import ray

    files = write(tmp_path / "d", layout, compression)
    options = {"arrow_open_stream_args": {"compression": compression}} if compression else {}
    found = sorted(ray.data.read_tfrecords(files, **options).take_all(), key=lambda row: row["real"])
    for row, wanted in zip(found, expected(layout), strict=True):
        assert {name: _plain(value) for name, value in row.items()} == wanted


@pytest.mark.parametrize("layout", LAYOUTS)
def test_firelib_reads_ray_data_files(tmp_path: Path, ray_cluster: None, layout: str) -> None:
    import ray

    rows = pa.Table.from_pylist(expected(layout), pa.schema([_field(feature) for feature in LAYOUTS[layout]]))
    ray.data.from_arrow([rows.slice(0, 25), rows.slice(25)]).write_tfrecords(str(tmp_path / "ray"))
    found = open_dataset(str(tmp_path / "ray"), features=[_read_as(feature) for feature in LAYOUTS[layout]])
    assert sorted(found.as_arrow("train").to_pylist(), key=lambda row: row["real"]) == rows.to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tfx_bsl_and_firelib_read_each_others_files(tmp_path: Path, layout: str) -> None:
    from benchmarks.peers.tfx_bsl import TfxBsl, save_lists

    features, wanted = LAYOUTS[layout], expected(layout)
    rows = pa.Table.from_pylist(wanted, pa.schema([_field(feature) for feature in features]))
    save_lists(tmp_path / "rows.arrow", rows.drop_columns([f.name for f in features if f.ragged or f.optional]))
    with TfxBsl() as process:
        found = process.rows(write(tmp_path / "d", layout), features)
        process.load(tmp_path / "rows.arrow")
        process.write(tmp_path / "theirs")
    assert [{name: _from_lists(name, value, features) for name, value in row.items()} for row in found] == wanted
    kept = [_read_as(feature) for feature in features if not (feature.ragged or feature.optional)]
    read = open_dataset(str(tmp_path / "theirs"), features=kept).as_arrow("train")
    assert read.to_pylist() == rows.select([feature.name for feature in kept]).to_pylist()


def _plain(value: Any) -> Any:
    """Convert a value of Ray Data, which returns arrays for lists and NaN for a missing number."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, float) and np.isnan(value) else value


def _from_lists(name: str, value: Any, features: tuple[Feature, ...]) -> Any:
    """Convert a value of tfx-bsl, which returns a list for every feature."""
    feature = next(feature for feature in features if feature.name == name)
    if value is None or feature.ragged:
        return value
    (one,) = value
    return one.encode("latin-1") if isinstance(one, str) else one


def _field(feature: Feature) -> pa.Field:
    stored = {"int64": pa.int64(), "float32": pa.float32()}.get(feature.dtype, pa.binary())
    return pa.field(feature.name, pa.list_(stored) if feature.ragged else stored)


def _read_as(feature: Feature) -> Feature:
    """The declaration for another writer's Examples, where pictures and strings are bytes."""
    if feature.dtype in ("int64", "float32"):
        return Feature(feature.name, feature.dtype, ragged=feature.ragged, optional=feature.optional)
    return Feature(feature.name, "bytes")
