import hashlib
import sys
from pathlib import Path

import pytest

from firelib.recipe import Source
from tests.data.sources.fetching import fetch
from tests.errors import refused


def test_the_package_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken_package"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('not here')")
    (package / "data" / "rows.csv").write_bytes(b"a,b\n1,2\n")
    monkeypatch.syspath_prepend(tmp_path)
    raw = fetch(Source("pkg://broken_package/data/rows.csv"), tmp_path)
    assert raw.path == package / "data" / "rows.csv"
    assert raw.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert "broken_package" not in sys.modules
    with refused(what=package / "nope.csv", where="pkg://broken_package/nope.csv"):
        fetch(Source("pkg://broken_package/nope.csv"), tmp_path)
    with refused(what="no_such_package", where="pkg://no_such_package/rows.csv", remedy="uv add no_such_package"):
        fetch(Source("pkg://no_such_package/rows.csv"), tmp_path)
