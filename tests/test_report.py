import io
from pathlib import Path

import pytest
from rich.console import Console

from firelib.report import feature_table
from firelib.tfrecord.manifest import read_manifest
from tests.train.toy import write_toy


@pytest.mark.parametrize(("width", "meaning"), [(80, False), (120, True)])
def test_features_fit_the_terminal(tmp_path: Path, width: int, meaning: bool) -> None:
    manifest = read_manifest(str(write_toy(tmp_path).manifest))
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(feature_table(manifest, width))
    text = console.export_text()
    assert "3 words" in text
    assert "…" not in text
    assert ("meaning" in text) is meaning
    assert max(map(len, text.splitlines())) <= width
