"""JSON files that depend on their value alone."""

import json
from typing import Any

from firelib.errors import FirelibError
from firelib.storage.files import read_bytes


def read_json(uri: str) -> Any:
    """The content of a JSON file.

    Raises:
        FirelibError: The file does not exist, or is not complete JSON.
    """
    try:
        return json.loads(read_bytes(uri))
    except FileNotFoundError:
        raise FirelibError(
            f"{uri} does not exist", where=uri, remedy="run the stage that writes it (dvc dag shows which)"
        ) from None
    except ValueError as error:
        raise FirelibError(
            f"{uri} is not JSON: {error}", where=uri, remedy="delete the file and run its stage again"
        ) from None


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys and indentation, so that equal values give equal bytes that people can diff."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
