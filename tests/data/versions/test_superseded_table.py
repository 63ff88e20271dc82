from pathlib import Path

import pyarrow as pa
import pytest

from firelib import storage
from firelib.data.delta_tables import append_part, open_table, read_part_hashes
from firelib.data.parts.part import split_into_parts
from firelib.data.versions.superseded_table import move_objects, parse_superseded, supersede_table

ROWS = pa.table({"day": [2, 1, 2, 1, 3], "value": ["a", "b", "c", None, "e"]})


def make_table(uri: str) -> list[str]:
    """Write a table with three versions; return their hashes."""
    parts = split_into_parts(ROWS, ["day"])
    for version, part in enumerate(parts):
        append_part(uri, part, version)
    return [part.sha256 for part in parts]


def test_a_superseded_table_can_still_be_read(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    for _ in range(2):
        hashes = make_table(uri)
        superseded = supersede_table(uri)
        assert open_table(uri) is None
        assert read_part_hashes(superseded) == hashes
        assert parse_superseded(Path(superseded).name) == "t"
        assert {path.name for path in tmp_path.iterdir()} == {Path(superseded).name}


@pytest.mark.parametrize("name", ["t", "t.superseded-", "t.superseded-0a1b2c3d.old", ".superseded-0a1b2c3d"])
def test_other_folders_are_not_superseded_tables(name: str) -> None:
    assert parse_superseded(name) is None


class KilledError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("removed", [0, 1, 2, 3])
def test_an_interrupted_move_leaves_tables_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    """The next extract supersedes what is left, or goes on from there."""
    uri, superseded, left = str(tmp_path / "t"), str(tmp_path / "t.superseded-0a1b2c3d"), removed
    hashes, remove = make_table(uri), storage.remove_file

    def remove_some(file: str) -> None:
        nonlocal left
        if not left:
            raise KilledError
        left -= 1
        remove(file)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove_file", remove_some)
        patch.setattr(storage, "remove_folder", remove_some)
        with pytest.raises(KilledError):
            move_objects(uri, superseded)
    assert read_part_hashes(superseded) == hashes
    assert read_part_hashes(uri) == hashes[: len(hashes) - removed]
    remaining = split_into_parts(ROWS, ["day"])[len(hashes) - removed :]
    for version, part in enumerate(remaining, start=len(hashes) - removed):
        append_part(uri, part, version)
    assert read_part_hashes(uri) == hashes
