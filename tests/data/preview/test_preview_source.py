"""A preview reads the first rows of a source, and no more."""

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from firelib.data.preview import preview_source, read_first_rows
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.data.idx_files import idx_bytes
from tests.errors import refused


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("t", str(tmp_path / "storage"), tmp_path)


def test_only_the_head_of_a_large_file_is_read(tmp_path: Path, paths: Paths) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.write(b"id,x\n" + b"".join(b"%d,%d\n" % (index, index) for index in range(400_000)))
        file.truncate(1 << 30)
    read = psutil.Process().io_counters().read_chars
    assert preview_source(Source(str(tmp_path / "a.csv")), paths).num_rows == 200
    assert psutil.Process().io_counters().read_chars - read < 64 << 20


def test_one_row_group_of_parquet(tmp_path: Path, paths: Paths) -> None:
    table = pa.table({"x": range(1000), "list": [[1, 2]] * 1000})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=300)
    assert preview_source(Source(str(tmp_path / "a.parquet")), paths).equals(table.slice(0, 200))
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    second = pq.read_metadata(tmp_path / "a.parquet").row_group(1).column(0)
    content[second.data_page_offset : second.data_page_offset + 50] = bytes(50)
    (tmp_path / "a.parquet").write_bytes(content)
    assert preview_source(Source(str(tmp_path / "a.parquet")), paths).num_rows == 200


def test_arrays_of_idx(tmp_path: Path, paths: Paths) -> None:
    values = np.arange(4 * 300, dtype=np.uint8).reshape(300, 2, 2)
    for name, content in {"a.idx": idx_bytes(values), "a.idx.gz": gzip.compress(idx_bytes(values))}.items():
        (tmp_path / name).write_bytes(content)
        head = preview_source(Source(str(tmp_path / name)), paths, rows=3)
        assert head["value"].to_pylist() == [row.tobytes() for row in values[:3]]


def test_the_first_files_of_a_folder_are_compared(tmp_path: Path, paths: Paths) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.csv").write_text("x\n" + "1\n" * 300)
    (tmp_path / "parts/b.csv").write_text("y\n1\n")
    with refused(what=["x", "y"], where="parts"):
        preview_source(Source(str(tmp_path / "parts")), paths)


class Ranges(BaseHTTPRequestHandler):
    """Serves one file in parts, and counts the bytes."""

    content = b"id,text\n" + b"".join(b"%d,%s\n" % (index, b"x" * 100) for index in range(300_000))
    sent = 0

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_GET(self) -> None:
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        part = self.content[first : last + 1]
        type(self).sent += len(part)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Be quiet."""


def test_a_file_on_a_server_is_not_downloaded(paths: Paths) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        uri = f"http://127.0.0.1:{server.server_port}/a.csv"
        assert preview_source(Source(uri, sha256="0" * 64), paths)["id"].to_pylist() == list(range(200))
        server.shutdown()
        thread.join()
    assert Ranges.sent < 12 << 20
    assert not paths.downloads.exists()


def test_missing_files(tmp_path: Path, paths: Paths) -> None:
    with refused(what=tmp_path / "a.csv", where="a.csv"):
        preview_source(Source(str(tmp_path / "a.csv")), paths)
    with refused(what="htpp", remedy="http"):
        preview_source(Source("htpp://example.org/a.csv"), paths)


def test_a_preview_tells_whether_it_is_complete(paths: Paths, tmp_path: Path) -> None:
    """The number of rows does not tell: few files are read, and few bytes of each."""
    lines = [f"{index}\n" for index in range(3)]
    (tmp_path / "a.csv").write_text("id\n" + "".join(lines))
    (tmp_path / "a.jsonl").write_text("".join(f'{{"id": {line.strip()}}}\n' for line in lines))
    (tmp_path / "large.csv").write_text("id,x\n" + f"1,{'x' * (1 << 20)}\n" * 6)
    (tmp_path / "large.jsonl").write_text(f'{{"id": 1, "x": "{"x" * (1 << 19)}"}}\n' * 4)
    table = pa.table({"id": [0, 1, 2]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    with pa.ipc.new_stream(str(tmp_path / "a.arrows"), table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    write_deltalake(str(tmp_path / "delta"), table)
    for count in (2, 25):
        (tmp_path / f"{count}").mkdir()
        for index in range(count):
            (tmp_path / f"{count}" / f"{index}.csv").write_text("id\n1\n")

    def read(name: str, rows: int) -> tuple[int, bool]:
        first = read_first_rows(Source(str(tmp_path / name)), paths, rows=rows)
        return first.rows.num_rows, first.is_complete

    for name in ("a.csv", "a.jsonl", "a.parquet", "a.arrows", "delta"):
        assert [read(name, rows) for rows in (2, 3, 4)] == [(2, False), (3, True), (3, True)]
    for name in ("large.csv", "large.jsonl", "25"):
        rows, is_complete = read(name, 200)
        assert (rows < 25, is_complete) == (True, False)
    assert read("2", 200) == (2, True)
