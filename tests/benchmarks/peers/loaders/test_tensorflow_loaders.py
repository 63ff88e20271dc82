"""The loaders that use TensorFlow give each row once in an epoch, shuffled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.input.contenders import chosen
from benchmarks.input.files import Files
from benchmarks.peers.loaders import firelib_dataset, in_memory, tf_data

ROWS, BATCH = 1000, 64
LOADERS = {"firelib_dataset": firelib_dataset, "tf_data": tf_data, "in_memory": in_memory}


@pytest.fixture(scope="module", params=[datasets.images, datasets.strings], ids=["images", "strings"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(request.param(ROWS), tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("name", ["firelib", "tf.data tuned", "tf.data tutorial", "in memory"])
def test_epoch_has_each_row_once_in_another_order(name: str, files: Files, tmp_path: Path) -> None:
    contender, memory = chosen([name, "in memory"])
    loader, source = LOADERS[contender.loader], in_memory.load(files.path(memory))
    loader.write(source, files.schema, tmp_path)
    with loader.prepared(files.job(contender, str(tmp_path), BATCH, cpus=2)) as batches:
        rows = first_epoch(batches())
    column = "image" if "image" in files.schema else "float_0"
    keys, expected = (as_keys(each) for each in (rows[column], source[column]))
    assert keys != expected
    assert sorted(keys) == sorted(expected)
    labels = dict(zip(expected, source["label"].tolist(), strict=True))
    assert [labels[key] for key in keys] == rows["label"].tolist()
    texts = rows.get("text_0", np.array([], object))
    assert {text.decode() if isinstance(text, bytes) else text for text in texts} == set(source.get("text_0", []))


def first_epoch(batches: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    while sum(len(part["label"]) for part in parts) < ROWS:
        parts.append({name: np.asarray(column) for name, column in next(batches).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def as_keys(column: Any) -> list[bytes]:
    return [row.tobytes() for row in column]
