"""A request as people read it."""

import json
from collections.abc import Mapping
from typing import Any

from firelib.console import out


def show_request(request: Mapping[str, Any]) -> None:
    """Print a request as JSON on standard output. Secrets are references in it, so nothing needs hiding."""
    out.print(json.dumps(request, indent=2, ensure_ascii=False), highlight=False, markup=False)
