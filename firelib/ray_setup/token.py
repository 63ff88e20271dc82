"""Ray's authentication token.

The variables and the file are Ray's: https://docs.ray.io/en/latest/ray-security/token-auth.html
"""

import os
from collections.abc import Mapping
from pathlib import Path


def token_file(environ: Mapping[str, str], home: Path) -> Path:
    """Path of the token's file, which need not exist.

    Args:
        environ: Environment variables; `RAY_AUTH_TOKEN_PATH` names another file.
        home: The user's home folder.
    """
    return Path(environ.get("RAY_AUTH_TOKEN_PATH") or home / ".ray" / "auth_token")


def ray_token(environ: Mapping[str, str], home: Path) -> str | None:
    """Read the token from `RAY_AUTH_TOKEN` or its file.

    Args:
        environ: Environment variables.
        home: The user's home folder.

    Returns:
        The token; None if there is none, or its file is unreadable or empty.
    """
    if environ.get("RAY_AUTH_TOKEN"):
        return environ["RAY_AUTH_TOKEN"]
    try:
        return token_file(environ, home).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def enable_token_auth() -> None:
    """Enable token authentication for Ray clients in this process if a token exists.

    A client sends the token only if `RAY_AUTH_MODE=token` is set before it is imported.
    """
    if ray_token(os.environ, Path.home()):
        os.environ.setdefault("RAY_AUTH_MODE", "token")
