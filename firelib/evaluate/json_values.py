"""Values for JSON, which has neither NaN nor infinity nor bytes."""

import math
from typing import Any


def to_plain(value: Any) -> Any:
    """Convert what JSON cannot hold, also inside lists and dicts: NaN to null, infinity and bytes to text."""
    if isinstance(value, list | tuple):  # a tuple: an entry of an Arrow map
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
