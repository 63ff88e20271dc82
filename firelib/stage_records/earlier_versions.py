"""Records of version 1, which had two kinds of files: one for reports, and one for plans, in a folder of its own."""

from pathlib import Path
from typing import Any

_MEASUREMENTS = Path(".firelib", "measurements")


def list_earlier_files(project: Path, recipe: str) -> list[Path]:
    """List the files for plans. Those for reports are where today's records are.

    Args:
        project: The project's folder.
        recipe: The recipe's name.
    """
    return sorted((project / _MEASUREMENTS / recipe).glob("*.json"))


def upgrade(raw: Any) -> Any:
    """Convert the content of a file of any version to fields of `StageRecord`, which validates them.

    Files for plans said when a run had ended, and counted the nodes of Ray instead of describing them; the same run has
    a file for reports beside them, unless it measured for a plan only.

    Args:
        raw: The content.
    """
    if not isinstance(raw, dict) or "created" not in raw:
        return raw
    kept = {name: value for name, value in raw.items() if name not in ("created", "nodes")}
    return {"origin": "earlier", **kept, "begun": raw["created"]}
