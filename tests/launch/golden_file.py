"""Reviewed requests. `GOLDEN=write pytest …` writes them again: review the difference before you commit it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("golden")


def same_as_before(name: str, found: Mapping[str, Any]) -> None:
    """Compare a request with the golden file of this name."""
    text = json.dumps(found, indent=2) + "\n"
    if os.environ.get("GOLDEN") == "write":
        (FOLDER / name).write_text(text)
    assert text == (FOLDER / name).read_text()
