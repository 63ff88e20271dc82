"""YAML files that people write: params.yaml, cluster files, job files."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from firelib.errors import FirelibError, find_merge_conflict

# Numbers that YAML 1.1 reads in another way than people do: 1_0 is 10, 1:30 is 90, and 010 is 8.
_UNUSUAL_NUMBER = re.compile(r".*[_:]|[-+]?0[0-9]")


_MOST_BYTES = 256 << 10
_MOST_LEVELS = 50
_MOST_NODES = 10_000  # with those that aliases repeat
_MOST_DIGITS = 100


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
    if len(node.value) > _MOST_DIGITS:
        problem = f"a number has {len(node.value)} characters, at most {_MOST_DIGITS} are allowed"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    value = getattr(loader, f"construct_yaml_{kind}")(node)
    if _UNUSUAL_NUMBER.match(node.value):
        problem = f"{node.value} would be read as {value}: write it in quotes, or as a plain number"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_number)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise yaml.YAMLError(f"it has more than {_MOST_BYTES >> 10} KiB")
    return content.decode("utf-8-sig")


def _check_structure(text: str) -> None:
    """Refuse what would take seconds, or more memory than there is: deep nesting, and aliases that multiply.

    Raises:
        yaml.YAMLError: The text is refused, or it is not YAML.
    """
    sizes: dict[str | None, int] = {}  # of the nodes that aliases can repeat
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # anchor and size of each collection that is not complete
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > _MOST_LEVELS:
                raise _refusal(event, f"nested too deeply: more than {_MOST_LEVELS} levels")
            continue
        if isinstance(event, yaml.ScalarEvent):
            _check_text(event)
            anchor, size = event.anchor, 1
        elif isinstance(event, yaml.AliasEvent):
            anchor, size = None, _find_alias(event, sizes)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
        else:
            continue
        sizes[anchor] = size
        above, before = open_nodes.pop()
        open_nodes.append((above, before + size))
        if before + size > _MOST_NODES:
            raise _refusal(event, f"more than {_MOST_NODES:,} values, with those that aliases repeat")


def _find_alias(event: yaml.AliasEvent, sizes: Mapping[str | None, int]) -> int:
    if event.anchor not in sizes:
        raise _refusal(event, f"the alias *{event.anchor} is part of what it repeats, or there is no &{event.anchor}")
    return sizes[event.anchor]


def _check_text(event: yaml.ScalarEvent) -> None:
    try:
        event.value.encode()
    except UnicodeEncodeError:
        raise _refusal(event, "a string holds half of a surrogate pair, which is not Unicode") from None


def _refusal(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]  # or libyaml's


def read_yaml_mapping(path: Path, *, if_missing: str, if_no_mapping: str) -> dict[Any, Any]:
    """Read a YAML file whose content is a mapping.

    Args:
        path: The file.
        if_missing: What to do if the file does not exist.
        if_no_mapping: What to do if the content is anything else, e.g. a list.

    Returns:
        The content as a YAML parser returns it, not validated yet.

    Raises:
        FirelibError: The file cannot be read, is not YAML, holds a merge conflict, repeats a key, or is no mapping; or
            it has more than 256 KiB, 50 levels, or 10,000 values, with those that aliases repeat.
    """
    where, text = str(path), ""
    try:
        text = _read(path)
        _check_structure(text)
        content = yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        raise FirelibError(f"{path} does not exist", where=str(Path.cwd()), remedy=if_missing) from None
    except OSError as error:
        remedy = "check the path and its permissions"
        raise FirelibError(f"cannot read {path}: {error.strerror}", where=where, remedy=remedy) from None
    # A date such as 2001-99-99 is a ValueError; `!!bool x`, `!!timestamp x` and `!!int ""` are the other three.
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, IndexError) as error:
        invalid = FirelibError(f"{path} is not valid YAML: {error}", where=where, remedy="correct the syntax")
        raise find_merge_conflict(text, where) or invalid from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise FirelibError(f"expected a mapping in {path}, got {kind}", where=where, remedy=if_no_mapping)
    return content
