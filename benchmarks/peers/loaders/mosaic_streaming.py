"""MosaicML Streaming: MDS shards, read row by row by PyTorch's DataLoader, in an environment of its own."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.input.job import Job, Schema
from benchmarks.peers.loaders.torch_batches import collate, epochs

_SHARD_BYTES = 8 << 20


def write(columns: Mapping[str, Any], schema: Schema, folder: Path) -> None:
    encodings = {name: _encoding(dtype, shape) for name, (dtype, shape) in schema.items()}
    with _streaming().MDSWriter(out=str(folder), columns=encodings, size_limit=_SHARD_BYTES, exist_ok=True) as writer:
        for index in range(len(columns["label"])):
            writer.write({name: _value(columns[name][index], schema[name][0]) for name in schema})


def _encoding(dtype: str, shape: tuple[int, ...]) -> str:
    if dtype == "string":
        return "str"
    return f"ndarray:{dtype}:{','.join(map(str, shape))}" if shape else dtype


def _value(value: Any, dtype: str) -> Any:
    return str(value) if dtype == "string" else np.asarray(value, dtype) if value.shape else np.dtype(dtype).type(value)


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    """Import it; the option `workers` is the number of the DataLoader's processes."""
    streaming = _streaming()
    from torch.utils.data import DataLoader

    if job.is_remote:
        os.environ["S3_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"]
        folders = {"remote": job.source, "local": job.cache}
    else:
        folders = {"local": job.source}
    workers = job.options["workers"]

    def batches() -> Iterator[dict[str, Any]]:
        dataset = streaming.StreamingDataset(**folders, shuffle=True, batch_size=job.batch)
        return epochs(
            DataLoader(dataset, job.batch, collate_fn=collate, num_workers=workers, persistent_workers=workers > 0)
        )

    yield batches


def _streaming() -> Any:
    """Import `streaming.base` alone.

    The package's own `__init__` also imports datasets of pictures, and with them torchvision, which is not needed here
    and does not exist for every build of PyTorch.
    """
    if "streaming" not in sys.modules:
        spec = importlib.util.find_spec("streaming")
        if spec is None:
            raise ModuleNotFoundError("mosaicml-streaming is not installed")
        sys.modules["streaming"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("streaming.base")
