"""Requests as they were when somebody last read them. `GOLDEN=write pytest …` writes them anew: read the difference."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("golden")


def same_as_before(name: str, found: Mapping[str, Any]) -> None:
    """Compare a request with the file of this name."""
    text = json.dumps(found, indent=2) + "\n"
    if os.environ.get("GOLDEN") == "write":
        (FOLDER / name).write_text(text)
    assert text == (FOLDER / name).read_text()
