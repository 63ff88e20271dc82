"""The cache that tests with containers share."""

import os
import time
from pathlib import Path

from tests.engine_base import sweep


def test_sweep_removes_what_was_not_used_for_long(tmp_path: Path) -> None:
    used = {"old/read": (0, 8), "old/written": (8, 0), "new/file": (0, 0)}
    unused = ("old/unused", "gone/deep/unused")
    for name, (read, written) in {**used, **dict.fromkeys(unused, (8, 9))}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        now, day = time.time(), 86_400
        os.utime(path, (now - read * day, now - written * day))
    sweep(tmp_path, hours=7 * 24)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        *("new", "new/file", "old", "old/read", "old/written"),
    ]
    sweep(tmp_path / "none", hours=1)
