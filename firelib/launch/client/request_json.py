"""A request as JSON for people."""

import json
from collections.abc import Mapping
from typing import Any

from firelib.console import out


def show_request(request: Mapping[str, Any]) -> None:
    """Print a request as JSON on standard output. Requests hold references to secrets, so nothing is masked."""
    out.print(json.dumps(request, indent=2, ensure_ascii=False), highlight=False)
