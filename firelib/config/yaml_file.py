"""YAML files that people write: params.yaml, cluster files, job files."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from firelib.errors import FirelibError

# Numbers that YAML 1.1 reads in another way than people do: 1_0 is 10, 1:30 is 90, and 010 is 8.
_UNUSUAL_NUMBER = re.compile(r".*[_:]|[-+]?0[0-9]")


class _Loader(yaml.SafeLoader):
    """Refuse what a YAML parser changes in silence: repeated keys, where the last wins, and unusual numbers."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        counts = Counter((key.tag, key.value) for key in keys)
        for key in reversed(keys):
            if counts[key.tag, key.value] > 1:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
        return node


def _construct_number(loader: _Loader, node: yaml.ScalarNode) -> Any:
    kind = node.tag.rpartition(":")[2]
    value = getattr(loader, f"construct_yaml_{kind}")(node)
    if _UNUSUAL_NUMBER.match(node.value):
        problem = f"{node.value} would be read as {value}: write it in quotes, or as a plain number"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_number)


def read_yaml_mapping(path: Path, *, if_missing: str, if_no_mapping: str) -> dict[Any, Any]:
    """Read a YAML file whose content is a mapping.

    Args:
        path: The file.
        if_missing: What to do if the file does not exist.
        if_no_mapping: What to do if the content is anything else, e.g. a list.

    Returns:
        The content as a YAML parser returns it, not validated yet.

    Raises:
        FirelibError: The file cannot be read, is not YAML, repeats a key, or is no mapping.
    """
    where = str(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        raise FirelibError(f"{path} does not exist", where=str(Path.cwd()), remedy=if_missing) from None
    except OSError as error:
        remedy = "check the path and its permissions"
        raise FirelibError(f"cannot read {path}: {error.strerror}", where=where, remedy=remedy) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FirelibError(f"{path} is not valid YAML: {error}", where=where, remedy="correct the syntax") from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise FirelibError(f"expected a mapping in {path}, got {kind}", where=where, remedy=if_no_mapping)
    return content
