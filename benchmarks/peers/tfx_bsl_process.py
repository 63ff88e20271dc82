"""Runs in tfx-bsl's environment: reads one JSON job per line and writes one JSON answer per line."""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder, RecordBatchToExamplesEncoder

_ROWS = 8192
_BUFFER = 1 << 20


class Jobs:
    """The jobs; a method's name is the name of its job."""

    def load(self, job: dict[str, Any]) -> dict[str, Any]:
        with pa.OSFile(job["table"]) as file:
            self._batches = pa.ipc.open_file(file).read_all().to_batches(max_chunksize=_ROWS)
        return {}

    def write(self, job: dict[str, Any]) -> dict[str, Any]:
        encoder, start = RecordBatchToExamplesEncoder(), time.perf_counter()
        with tf.io.TFRecordWriter(job["path"]) as writer:
            for batch in self._batches:
                for record in encoder.encode(batch):
                    writer.write(record)
        return {"seconds": time.perf_counter() - start}

    def read(self, job: dict[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        rows = sum(batch.num_rows for batch in _decoded(job, job["batch"]))
        return {"seconds": time.perf_counter() - start, "rows": rows}

    def rows(self, job: dict[str, Any]) -> dict[str, Any]:
        rows = [row for batch in _decoded(job, _ROWS) for row in batch.to_pylist()]
        return {"rows": [{name: _plain(value) for name, value in row.items()} for row in rows]}


def _decoded(job: dict[str, Any], batch: int) -> Iterator[pa.RecordBatch]:
    schema = schema_pb2.Schema()
    for name, kind in job["features"].items():
        schema.feature.add(name=name, type=getattr(schema_pb2, kind))
    decoder = ExamplesToRecordBatchDecoder(schema.SerializeToString())
    records = tf.data.TFRecordDataset(job["files"], buffer_size=_BUFFER).batch(batch).prefetch(2)
    for serialized in records.as_numpy_iterator():
        yield decoder.DecodeBatch(serialized)


def _plain(values: Any) -> Any:
    return values and [value.decode("latin-1") if isinstance(value, bytes) else value for value in values]


def main() -> None:
    jobs = Jobs()
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = getattr(jobs, job["do"])(job)
        except Exception as error:  # noqa: BLE001  the parent raises it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201  the parent reads it


if __name__ == "__main__":
    main()
