"""Ray's token: where it lies, and how to be let in with it."""

import os
from collections.abc import Mapping
from pathlib import Path


def token_file(environ: Mapping[str, str], home: Path) -> Path:
    """Where the token lies, or should lie."""
    return Path(environ.get("RAY_AUTH_TOKEN_PATH") or home / ".ray" / "auth_token")


def ray_token(environ: Mapping[str, str], home: Path) -> str | None:
    """The token, from the environment or its file."""
    if environ.get("RAY_AUTH_TOKEN"):
        return environ["RAY_AUTH_TOKEN"]
    try:
        return token_file(environ, home).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def show_token() -> None:
    """Make Ray's clients in this process show the token, if there is one: without the mode, they keep it back."""
    if ray_token(os.environ, Path.home()):
        os.environ.setdefault("RAY_AUTH_MODE", "token")
