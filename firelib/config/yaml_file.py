"""YAML files that people write: params.yaml, cluster files, job files."""

from pathlib import Path
from typing import Any

import yaml

from firelib.errors import FirelibError


def read_yaml_mapping(path: Path, *, if_missing: str, if_no_mapping: str) -> dict[Any, Any]:
    """Read a YAML file whose content is a mapping.

    Args:
        path: The file.
        if_missing: What to do if the file does not exist.
        if_no_mapping: What to do if the content is anything else, e.g. a list.

    Returns:
        The content as a YAML parser returns it, not validated yet.

    Raises:
        FirelibError: The file cannot be read, is not YAML, or is no mapping.
    """
    where = str(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FirelibError(f"{path} does not exist", where=str(Path.cwd()), remedy=if_missing) from None
    except OSError as error:
        remedy = "check the path and its permissions"
        raise FirelibError(f"cannot read {path}: {error.strerror}", where=where, remedy=remedy) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FirelibError(f"{path} is not YAML: {error}", where=where, remedy="correct the syntax") from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise FirelibError(f"expected a mapping in {path}, got {kind}", where=where, remedy=if_no_mapping)
    return content
