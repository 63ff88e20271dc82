import io
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pytest

from firelib.data.formats.arrow_ipc import read_arrow_head
from firelib.data.formats.read import read_raw_file
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Source
from tests.errors import refused

TABLE = pa.table({"id": [1, 2, None], "text": ["ü", None, "x"], "list": [[1], [], None]})


def write(path: Path) -> None:
    if path.suffix == ".feather":
        pyarrow.feather.write_feather(TABLE, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(str(path), TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=1)
    else:
        with pa.ipc.new_stream(str(path), TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=1)


@pytest.mark.parametrize("name", ["a.feather", "a.arrow", "a.arrows"])
def test_files_and_streams(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert read_raw_file(RawFile(tmp_path / name, ""), Source(name)).to_pydict() == TABLE.to_pydict()
    content = io.BytesIO((tmp_path / name).read_bytes())
    head = read_arrow_head(content, name, Source(name), 2)
    assert (head.rows.to_pydict(), head.is_complete) == (TABLE.slice(0, 2).to_pydict(), False)


@pytest.mark.parametrize("content", [b"ARROW1 and no more", b"FEA1 version 1"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.arrow").write_bytes(content)
    with refused(what="arrow", where=tmp_path / "a.arrow", remedy="format="):
        read_raw_file(RawFile(tmp_path / "a.arrow", ""), Source("a.arrow"))
