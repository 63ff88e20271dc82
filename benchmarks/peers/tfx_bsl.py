"""tfx-bsl in a separate process and environment: it needs other versions of firelib's dependencies.

The script `tfx_bsl_process.py` runs there; it reads one job per line as JSON and answers with the seconds of the job.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from benchmarks.peers.environment import TFX_BSL
from firelib import Feature
from firelib.tfrecord.format.fixed_layout import list_kind

((REQUIREMENT,),) = TFX_BSL.steps
SCRIPT = Path(__file__).with_name("tfx_bsl_process.py")

WRITE_SETTINGS = f"{REQUIREMENT}: RecordBatchToExamplesEncoder, TFRecordWriter, 8192 rows a batch"
READ_SETTINGS = f"{REQUIREMENT}: TFRecordDataset, ExamplesToRecordBatchDecoder with a schema; ends with Arrow"

_TYPES = {"bytes": "BYTES", "float": "FLOAT", "int64": "INT"}


class TfxBsl:
    """The process: it starts with its first job, or before, and ends with the context.

    A job raises `RuntimeError` if it fails, or if the environment cannot be created.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._stderr = self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115  the stack closes it

    @cached_property
    def _process(self) -> "subprocess.Popen[str]":
        # -I: do not search the script's folder for imports, since a file in it has the package's name.
        process = subprocess.Popen(  # noqa: S603  our own script
            [str(TFX_BSL.python()), "-I", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        self._stack.callback(process.communicate)  # it ends with its standard input
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start it now: it imports its libraries while the caller goes on. The first job says if it cannot start."""
        with suppress(RuntimeError):
            _ = self._process

    def load(self, table: Path) -> None:
        """Load an Arrow file into memory, for `write`."""
        self._ask({"do": "load", "table": str(table)})

    def write(self, path: Path) -> float:
        """Encode and write the loaded table; return the seconds."""
        return float(self._ask({"do": "write", "path": str(path)})["seconds"])

    def read(self, files: Sequence[str], features: Sequence[Feature], batch: int) -> dict[str, Any]:
        """Read files into record batches; return the `seconds` and the number of `rows`."""
        types = {feature.name: _TYPES[list_kind(feature)] for feature in features}
        return self._ask({"do": "read", "files": list(files), "features": types, "batch": batch})

    def rows(self, files: Sequence[str], features: Sequence[Feature]) -> list[dict[str, Any]]:
        """Read the rows of files: each value is a list, and bytes are decoded as Latin-1."""
        types = {feature.name: _TYPES[list_kind(feature)] for feature in features}
        answer = self._ask({"do": "rows", "files": list(files), "features": types})
        return list(answer["rows"])

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(job), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": self._read_stderr()}
        if "error" in answer:
            raise RuntimeError(f"tfx-bsl: {answer['error']}")
        return dict(answer)

    def _read_stderr(self) -> str:
        self._stderr.seek(0)
        return f"the process exited: {self._stderr.read().strip()[-500:]}"


def save_lists(path: Path, table: pa.Table) -> None:
    """Write an Arrow file in the form that tfx-bsl encodes: each value is a list of int64, float32 or bytes."""
    lists = pa.table({name: _lists(table[name].combine_chunks()) for name in table.column_names})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, lists.schema) as writer:
        writer.write_table(lists)


def _lists(values: pa.Array) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks)
    kind = pa.binary() if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) else values.type
    offsets = pa.array(np.arange(len(values) + 1), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, values.cast(kind))
