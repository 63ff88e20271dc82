"""JSON files that depend on their value alone."""

import json
from typing import Any

from firelib.errors import FirelibError
from firelib.storage.files import read_bytes


def read_json(uri: str) -> Any:
    """The content of a JSON file.

    Raises:
        FirelibError: The file does not exist, is not complete JSON, or repeats a name in an object.
    """
    try:
        return json.loads(read_bytes(uri), object_pairs_hook=_refuse_repeated_names)
    except FileNotFoundError:
        raise FirelibError(
            f"{uri} does not exist", where=uri, remedy="run the stage that writes it (dvc dag shows which)"
        ) from None
    except ValueError as error:
        raise FirelibError(
            f"{uri} is not valid JSON: {error}", where=uri, remedy="delete the file and run its stage again"
        ) from None


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with each name once: Python's parser would take the last value in silence."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return members


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys and indentation, so that equal values give equal bytes that people can diff."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
