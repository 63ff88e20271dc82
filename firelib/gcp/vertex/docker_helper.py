"""Docker's credential helper for a registry of Google: without it, pushing an image is refused."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError

_HELPER = "gcloud"  # stands for the program docker-credential-gcloud, which comes with gcloud


def config_file(environ: Mapping[str, str], home: Path) -> Path:
    """Return the path of Docker's configuration.

    Args:
        environ: Variables; `DOCKER_CONFIG` names another folder.
        home: The home folder.
    """
    return Path(environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"


def is_configured(file: Path, host: str) -> bool:
    """Whether Docker has a credential helper, or a login, for a host.

    Args:
        file: Docker's configuration.
        host: Host of the registry.

    Raises:
        FirelibError: The file is not JSON.
    """
    config = _read(file)
    return host in config.get("credHelpers", {}) or host in config.get("auths", {})


def configure(file: Path, host: str, dry_run: bool) -> bool:
    """Name gcloud as the credential helper of a host; everything else in the file stays.

    Args:
        file: Docker's configuration.
        host: Host of the registry.
        dry_run: Only read.

    Returns:
        Whether the file was (or would be) changed.

    Raises:
        FirelibError: The file is not JSON.
    """
    if is_configured(file, host):
        return False
    if not dry_run:
        config = _read(file)
        config["credHelpers"] = {**config.get("credHelpers", {}), host: _HELPER}
        _write(file, json.dumps(config, indent="\t") + "\n")
    return True


def has_helper(path: str | None = None) -> bool:
    """Whether the program that hands gcloud's credentials to Docker is installed.

    Args:
        path: Folders to search; default: PATH.
    """
    return shutil.which(f"docker-credential-{_HELPER}", path=path) is not None


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text(encoding="utf-8") or "{}")
    except ValueError as error:
        raise FirelibError(f"not JSON: {error}", where=str(file), remedy="correct or remove the file") from None
    return config if isinstance(config, dict) else {}


def _write(file: Path, text: str) -> None:
    """Replace the file at once: Docker may read it meanwhile. It may hold logins, so only its owner can read it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = file.resolve()  # a link stays a link
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)
