"""The contenders of the questions about input: which loader, with which files and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import GRAIN, TORCH, PeerEnvironment, this_python


@dataclass(frozen=True)
class Contender:
    """A loader with its settings.

    Attributes:
        name: Name in the report.
        loader: Module in `benchmarks.peers.loaders`.
        files: The loader that writes its files; loaders of one format share them.
        settings: The settings, for the report.
        options: The loader's options.
        environment: Its environment; None for this one.
        not_remote: Why it cannot read from an object store; empty if it can.
    """

    name: str
    loader: str
    files: str
    settings: str
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: PeerEnvironment | None = None
    not_remote: str = ""

    def python(self) -> Path:
        """Path of the Python that runs it.

        Raises:
            RuntimeError: Its environment cannot be created.
        """
        return self.environment.python() if self.environment else this_python()


OURS = "firelib"

_NO_S3 = "TensorFlow has no file system for s3://"
_TFRECORDS = "firelib_dataset"


def _grain(name: str, workers: int, threads: int) -> Contender:
    settings = (
        f"ArrayRecord (group_size:1) of packed NumPy rows, global shuffle, {workers} processes, {threads} threads"
    )
    return Contender(
        name,
        "grain_array_record",
        "grain_array_record",
        settings,
        {"workers": workers, "threads": threads},
        GRAIN,
        "ArrayRecord has no file system for s3://",
    )


def _mosaic(name: str, workers: int) -> Contender:
    settings = f"MDS, shuffle=True, NumPy collation, {workers} DataLoader processes"
    return Contender(name, "mosaic_streaming", "mosaic_streaming", settings, {"workers": workers}, TORCH)


def _lit_data(name: str, workers: int) -> Contender:
    settings = f"optimized chunks, shuffle=True, NumPy collation, {workers} DataLoader processes"
    return Contender(name, "lit_data", "lit_data", settings, {"workers": workers}, TORCH)


CONTENDERS = (
    Contender(OURS, "firelib_dataset", _TFRECORDS, "as_tf(seed=1)"),
    Contender(
        "in memory", "in_memory", "in_memory", "NumPy columns, gathered in a random order", not_remote="it has no files"
    ),
    Contender(
        "tf.data tuned",
        "tf_data",
        _TFRECORDS,
        "batches parsed at once (parse_example, AUTOTUNE), shuffle(10000), prefetch",
        {"tuned": True},
        not_remote=_NO_S3,
    ),
    Contender(
        "tf.data tutorial",
        "tf_data",
        _TFRECORDS,
        "rows parsed one by one (AUTOTUNE), shuffle(10000), prefetch",
        {"tuned": False},
        not_remote=_NO_S3,
    ),
    Contender(
        "tf.data service",
        "tf_data_service",
        _TFRECORDS,
        "the tuned pipeline in a worker process of its own",
        not_remote=_NO_S3,
    ),
    Contender(
        "Ray Data, Parquet",
        "ray_dataset",
        "ray_dataset",
        "read_parquet, files shuffled, iter_batches (NumPy), local shuffle of 10000 rows, prefetch of 4 batches",
        {"format": "parquet"},
    ),
    Contender(
        "Ray Data, TFRecord",
        "ray_dataset",
        _TFRECORDS,
        "read_tfrecords, otherwise as from Parquet",
        {"format": "tfrecord"},
        not_remote="only its best way, from Parquet, is measured there",
    ),
    _grain("Grain", 0, 2),
    _grain("Grain, 2 processes", 2, 1),
    _mosaic("MDS", 0),
    _mosaic("MDS, 2 processes", 2),
    _lit_data("LitData", 0),
    _lit_data("LitData, 2 processes", 2),
)

#: The contenders of the short form: firelib, and the best of three kinds of peers.
SHORT = (OURS, "tf.data tuned", "Ray Data, Parquet", "Grain")
#: What firelib sets out to be ahead of, in rows per CPU-second.
AHEAD_OF = tuple(
    contender.name
    for contender in CONTENDERS
    if contender.loader in ("grain_array_record", "mosaic_streaming", "lit_data")
    or contender.name == "Ray Data, Parquet"
)


def chosen(names: Sequence[str]) -> list[Contender]:
    """The contenders with these names; all if there are none.

    Raises:
        ValueError: A name is unknown.
    """
    known = {contender.name: contender for contender in CONTENDERS}
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"unknown contenders: {', '.join(unknown)}; choose from {', '.join(known)}")
    return [known[name] for name in names or known]
